# SPDX-License-Identifier: MIT
"""Parca, as tests/fleet/setup has built it: starts it, asks it, kills it."""

import base64
import contextlib
import json
import os
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from lib.harness import BUILD, Failure, Skip, check, wait_for, why_missing
from lib.ports import free_port

PROGRAM = os.path.join(BUILD, "fleet", "parca")
CONFIG = "object_storage: {bucket: {type: FILESYSTEM, config: {directory: ./data}}}\n"
LIVE, ALLOCATED = "memory:inuse_space:bytes:space:bytes", "memory:alloc_space:bytes:space:bytes:delta"


class Parca:
    """A running Parca in a folder of the test. What it has stored survives its death: it writes a log ahead."""

    def __init__(self, context, config=CONFIG):
        if not os.access(PROGRAM, os.X_OK):
            raise Skip(why_missing(PROGRAM, "Parca", "tests/fleet/setup"))
        self.context, self.port, self.process = context, free_port(), None
        self.folder = context.make_folder("parca")
        with open(os.path.join(self.folder, "parca.yaml"), "w", encoding="utf-8") as file:
            file.write(config)
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        words = ["--config-path=parca.yaml", f"--http-address=127.0.0.1:{self.port}", "--storage-active-memory=67108864", "--debuginfod-upstream-servers=",
                 "--debuginfo-cache-dir=./cache", "--enable-persistence", "--storage-enable-wal", "--log-level=error"]
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen([PROGRAM, *words], cwd=self.folder, env=self.context.environment(GOMAXPROCS=2), stdout=log, stderr=log)
        wait_for(self._answers, "Parca", self._said)

    def _said(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def _answers(self):
        if self.process.poll() is not None:
            raise Failure(f"Parca has ended: {self._said()}")
        try:
            return self.ask("types") is not None
        except (urllib.error.URLError, OSError):
            return False

    def ask(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/profiles/{path}?{query}", timeout=60) as answer:
            return json.load(answer)

    def types(self):
        """The types that are stored, as in queries."""
        rows = self.ask("types")["types"]
        return {":".join([row["name"], row["sampleType"], row["sampleUnit"], row["periodType"], row["periodUnit"]] + ["delta"] * row["delta"]) for row in rows}

    def points(self, query, start=0, end=None):
        """The values of each series: {its labels, sorted: [(time in seconds, value)]}. No data: no series."""
        times = {"start": _time(start), "end": _time(end or time.time() + 60)}
        try:
            series = self.ask("query_range", query=query, **times)["series"]
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return {}
            raise Failure(f"{query}: {error.code} {error.read()[:500]!r}") from None
        found = {}
        for row in series:
            labels = tuple(sorted((label["name"], label["value"]) for label in row["labelset"]["labels"]))
            found[labels] = [(point["timestamp"], int(point["value"])) for point in row["samples"]]
        return found

    def sum(self, query, **times):
        return sum(value for points in self.points(query, **times).values() for _, value in points)

    def pprof(self, query, start=0, end=None):
        """All profiles of a time in one, as a file of pprof."""
        parameters = {"mode": "MODE_MERGE", "merge.query": query, "merge.start": _time(start), "merge.end": _time(end or time.time() + 60), "report_type": "REPORT_TYPE_PPROF"}
        path = self.context.path("parca.pb.gz")
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.ask("query", **parameters)["pprof"]))
        return path

    def kill(self):
        self.process.kill()
        self.process.wait()


def _time(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@contextlib.contextmanager
def running(context, config=CONFIG):
    parca = Parca(context, config)
    try:
        yield parca
        check(parca.process.poll() is None, "Parca has ended by itself")
    finally:
        if parca.process.poll() is None:
            parca.kill()
