# SPDX-License-Identifier: MIT
"""A headless Chromium, driven over chromedriver's WebDriver protocol with nothing but urllib."""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request

from lib.harness import MOST_SECONDS, Failure, base_environment, check, wait_for

CHROMIUM = "/usr/bin/chromium"
CHROMEDRIVER = "/usr/bin/chromedriver"
NEEDS = (CHROMIUM, CHROMEDRIVER)

LIMIT_MS = 1000 * MOST_SECONDS  # for the driver, whose own limits are half a minute

# The sandbox does not work as root in a container. The other flags keep the browser off the network.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-allow-origins=*",  # for the DevTools, which are a page of the browser
    "--window-size=1400,1000",
]

ELEMENT_KEY = "element-6066-11e4-a52e-4f735466cecf"  # the key of an element's id in the protocol


class Browser:
    """Use as a context manager: everything that it starts and writes is removed at the end."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="ctrace-browser-")
        self.driver = None
        self.session = None
        try:
            self._start_driver()
            self._start_session()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.session:
            try:
                self._call("DELETE", "")
            except Failure:
                pass  # the group is killed below
        if self.driver:
            try:
                os.killpg(self.driver.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.driver.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_driver(self):
        environment = base_environment()
        # Chromium writes to HOME even if it has its own profile.
        environment.update(HOME=self.folder, TMPDIR=self.folder)
        log = os.path.join(self.folder, "chromedriver.log")
        with open(log, "wb") as out:
            self.driver = subprocess.Popen(
                [CHROMEDRIVER, "--port=0"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.folder,
                start_new_session=True,
            )

        def port():
            with open(log, encoding="utf-8", errors="replace") as file:
                told = file.read()
            check(self.driver.poll() is None, "chromedriver did not start: " + told)
            return re.search(r"successfully on port (\d+)", told)

        self.base = f"http://127.0.0.1:{wait_for(port, 'chromedriver to start').group(1)}/session"

    def _start_session(self, tries=3):
        """On a busy machine Chromium may take longer than the minute for which chromedriver waits."""
        options = {"binary": CHROMIUM, "args": FLAGS + ["--user-data-dir=" + os.path.join(self.folder, f"profile{tries}")]}
        capabilities = {
            "browserName": "chrome",
            "timeouts": {"script": LIMIT_MS, "pageLoad": LIMIT_MS},
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        try:
            told = self._request("POST", self.base, {"capabilities": {"alwaysMatch": capabilities}})
        except Failure as failure:
            if tries == 1 or "session not created" not in str(failure):
                raise
            return self._start_session(tries - 1)
        self.session = f"{self.base}/{told['sessionId']}"
        self.debugger = told["capabilities"]["goog:chromeOptions"]["debuggerAddress"]

    def _request(self, method, url, body):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        # The environment's proxy is not for the loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=MOST_SECONDS) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise Failure(f"browser: {value['error']}: {value['message'].splitlines()[0]}") from None
        except OSError as error:
            raise Failure(f"browser: {error}") from None

    def _call(self, method, path, body=None):
        return self._request(method, self.session + path, body)

    def open(self, url):
        self._call("POST", "/url", {"url": url})

    def title(self):
        return self._call("GET", "/title")

    def run(self, script, *arguments):
        """Run JavaScript in the page and return what the script returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector):
        """All elements that match a CSS selector."""
        found = self._call("POST", "/elements", {"using": "css selector", "value": selector})
        return [entry[ELEMENT_KEY] for entry in found]

    def click(self, element):
        self._call("POST", f"/element/{element}/click", {})

    def type(self, element, text):
        """Type into an element; for <input type=file> the text is the path of the file."""
        self._call("POST", f"/element/{element}/value", {"text": text})

    def act(self, source):
        """Perform the actions of one input source, as WebDriver defines them; buttons stay down until they are released."""
        self._call("POST", "/actions", {"actions": [source]})

    def width(self, pixels):
        """Give the page a width that a window cannot have, as on a phone."""
        metrics = {"width": pixels, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        self._call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics})

    def media(self, name):
        """Show the page as on "screen" or in "print"."""
        self._call("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {"media": name}})

    def console_errors(self):
        """The console's messages of level error since the last call."""
        entries = self._call("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def wait(self, script, what):
        """Run the script until it returns a true value; return that value."""
        return wait_for(lambda: self.run(script), what)

    def screenshot(self, path):
        with open(path, "wb") as out:
            out.write(base64.b64decode(self._call("GET", "/screenshot")))
