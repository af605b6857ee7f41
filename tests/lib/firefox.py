# SPDX-License-Identifier: MIT
"""A headless Firefox, driven over its Marionette socket, with the commands of lib.browser that the page's tests use."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile

from lib.browser import ELEMENT_KEY, LIMIT_MS
from lib.harness import MOST_SECONDS, Failure, base_environment, check, wait_for

FIREFOX = "/usr/bin/firefox-esr"
NEEDS = (FIREFOX,)

PREFERENCES = {
    "marionette.port": 0,  # any that is free
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "app.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "extensions.systemAddon.update.enabled": False,
}


class Firefox:
    """Use as a context manager: everything that it starts and writes is removed at the end."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="ctrace-firefox-")
        self.process = self.socket = None
        self.last_id = 0
        self.errors_seen = 0
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.socket:
            self.socket.close()
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self):
        profile = os.path.join(self.folder, "profile")
        os.mkdir(profile)
        with open(os.path.join(profile, "user.js"), "w", encoding="utf-8") as file:
            for name, value in PREFERENCES.items():
                file.write(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n")
        environment = base_environment()
        environment.update(HOME=self.folder, TMPDIR=self.folder, MOZ_HEADLESS_WIDTH="1400", MOZ_HEADLESS_HEIGHT="1000")
        words = ["--headless", "--no-remote", "--marionette", "--remote-allow-system-access", "--profile", profile]
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen(
                [FIREFOX, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=self.folder, start_new_session=True
            )
        port_file = os.path.join(profile, "MarionetteActivePort")

        def port():
            check(self.process.poll() is None, "Firefox did not start")
            with open(port_file, encoding="utf-8") as file:
                return int(file.read() or 0)

        found = wait_for(lambda: os.path.exists(port_file) and port(), "Firefox to start")
        self.socket = socket.create_connection(("127.0.0.1", found), timeout=MOST_SECONDS)
        self.stream = self.socket.makefile("rb")
        self._read()  # its greeting
        self._ask("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"timeouts": {"script": LIMIT_MS, "pageLoad": LIMIT_MS}}}})

    def _read(self):
        length = b""
        while (byte := self.stream.read(1)) != b":":
            check(byte, "Firefox has closed the connection")
            length += byte
        return json.loads(self.stream.read(int(length)))

    def _ask(self, command, parameters=None):
        self.last_id += 1
        message = json.dumps([0, self.last_id, command, parameters or {}]).encode()
        self.socket.sendall(b"%d:%s" % (len(message), message))
        _, number, error, answer = self._read()
        check(number == self.last_id, "an answer to another question")
        if error:
            raise Failure(f"Firefox: {error['error']}: {error['message']}")
        return answer["value"] if isinstance(answer, dict) and set(answer) == {"value"} else answer

    def open(self, url):
        self._ask("WebDriver:Navigate", {"url": url})

    def run(self, script, *arguments):
        return self._ask("WebDriver:ExecuteScript", {"script": script, "args": list(arguments), "sandbox": None})

    def find(self, selector):
        return [entry[ELEMENT_KEY] for entry in self._ask("WebDriver:FindElements", {"using": "css selector", "value": selector})]

    def click(self, element):
        self._ask("WebDriver:ElementClick", {"id": element})

    def type(self, element, text):
        self._ask("WebDriver:ElementSendKeys", {"id": element, "text": text})

    def act(self, source):
        self._ask("WebDriver:PerformActions", {"actions": [source]})

    def console_errors(self):
        """Errors and warnings of scripts in pages, since the last call."""
        self._ask("Marionette:SetContext", {"value": "chrome"})
        try:
            script = """
              return Services.console.getMessageArray().filter((m) => m instanceof Ci.nsIScriptError && m.sourceName.startsWith('file:')).map((m) => m.errorMessage);
            """
            messages = self._ask("WebDriver:ExecuteScript", {"script": script, "args": []})
        finally:
            self._ask("Marionette:SetContext", {"value": "content"})
        new = messages[self.errors_seen :]
        self.errors_seen = len(messages)
        return new

    def wait(self, script, what):
        return wait_for(lambda: self.run(script), what)
