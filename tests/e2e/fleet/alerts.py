# SPDX-License-Identifier: MIT
"""The files of examples/production with Debian's Prometheus and Alertmanager: an alert arrives where it is sent."""

import http.server
import json
import os
import subprocess
import threading
import urllib.request

from lib.harness import ROOT, check, check_equal, check_in, test, wait_for
from lib.ports import free_port
from lib.serve import alone, serving, targets

FOLDER = os.path.join(ROOT, "examples", "production")


class Hook(http.server.ThreadingHTTPServer):
    """What Alertmanager sends its alerts to."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.alerts = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.alerts += json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def _answers(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready") as answer:
            return answer.status == 200
    except OSError:
        return False


def _start(context, command):
    with open(context.path(command[0] + ".log"), "wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=context.environment(), cwd=context.folder)


def _value(port, query):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?query={query}") as answer:
            return json.load(answer)["data"]["result"]
    except OSError:
        return []


@test(needs=("prometheus", "prometheus-alertmanager"))
def killed_process(context):
    """A recorded process is killed: the rule to copy fires in Prometheus with the configuration to copy, and its text arrives."""
    user, hook = alone(context), Hook()
    manager, engine = free_port(), free_port()
    with targets(context, 2, popen=user) as (first, second), serving(context, **user) as server:
        for target in (first, second):
            server.wait_for(target.pid, "the process", lambda row: True)
        with open(os.path.join(FOLDER, "prometheus.yml"), encoding="utf-8") as file:
            config = file.read()
        for old, new in (("127.0.0.1:6070", f"127.0.0.1:{server.port}"), ("127.0.0.1:9093", f"127.0.0.1:{manager}"), ("interval: 15s", "interval: 1s"),
                         ("global:", "global:\n  evaluation_interval: 1s"), ("[alerts.yml]", f"[{FOLDER}/alerts.yml]")):
            check_in(old, config, "prometheus.yml")
            config = config.replace(old, new)
        context.write("prometheus.yml", config)
        context.write("alertmanager.yml", json.dumps({
            "route": {"receiver": "hook", "group_wait": "0s", "group_interval": "1s"},
            "receivers": [{"name": "hook", "webhook_configs": [{"url": f"http://127.0.0.1:{hook.server_port}/"}]}]}))
        programs = [_start(context, ["prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=am", "--cluster.listen-address=",
                                     f"--web.listen-address=127.0.0.1:{manager}"]),
                    _start(context, ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", f"--web.listen-address=127.0.0.1:{engine}"])]
        try:
            wait_for(lambda: _answers(manager) and _answers(engine), "Prometheus and Alertmanager")
            wait_for(lambda: _value(engine, "ctrace_ends_total"), "the count of ends")
            check_equal(hook.alerts, [], "alerts while all is well")
            second.kill()
            wait_for(lambda: hook.alerts, "the alert")
        finally:
            for program in programs:
                program.terminate()
                program.wait()
        alert = hook.alerts[0]
        check_equal((alert["labels"]["alertname"], alert["status"]), ("ProcessKilled", "firing"), "alert")
        check_in("was killed; its store is still there", alert["annotations"]["summary"], "text")
        check_in(str(server.port), alert["annotations"]["summary"], "which host")
        check({alert["labels"]["alertname"] for alert in hook.alerts} == {"ProcessKilled"}, "other alerts")
