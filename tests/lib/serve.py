# SPDX-License-Identifier: MIT
"""`ctrace serve` and processes for it: starts both, asks, and reads the answers."""

import contextlib
import gzip
import http.client
import json
import os
import re
import struct
import subprocess

from lib.harness import CTRACE, Failure, Skip, check, check_equal, wait_for
from lib.obedient import Obedient

BLOCK, SMALL = 50_001, 7_001  # Python's bytearray takes one byte more


def alone(context):
    """
    Arguments of Popen for a user that no other test has, so that the server sees only processes of this test. Needs root.
    """
    if os.geteuid():
        raise Skip("root")
    reached = os.path.dirname(CTRACE)
    while reached != "/":
        if not os.stat(reached).st_mode & 1:
            raise Skip(f"the right of other users to reach {reached}")
        reached = os.path.dirname(reached)
    user = 200_000 + os.getpid()
    os.chown(context.folder, user, user)
    return dict(user=user, group=user, extra_groups=[])


@contextlib.contextmanager
def targets(context, count=1, **changes):
    """Targets that are gone at the end."""
    made = []
    try:
        for _ in range(count):
            made.append(Obedient(context, **changes))
        yield made
    finally:
        for target in made:
            if target.process.poll() is None:
                target.kill()


class Answer:
    def __init__(self, response, body):
        self.status, self.headers, self.body = response.status, response.headers, body

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.body)


class Server:
    """A running `ctrace serve` on a port that the kernel chose."""

    def __init__(self, context, *options, command=(CTRACE,), **popen):
        self.errors = open(context.path("serve.err"), "w+b")
        words = [*command, "serve", "--listen", "127.0.0.1:0", *options]
        env = popen.pop("env", None) or context.environment()
        self.process = subprocess.Popen(words, env=env, stderr=self.errors, cwd=context.folder, **popen)
        self.port = int(wait_for(lambda: re.search(r"https?://\S+:(\d+)/\n", self.said()), "the server", self.said).group(1))

    def said(self):
        if self.process.poll() is not None:
            raise Failure(f"ctrace serve has ended: {self._read()}")
        return self._read()

    def _read(self):
        self.errors.seek(0)
        return self.errors.read().decode("utf-8", "replace")

    @property
    def pid(self):
        return self.process.pid

    def ask(self, path, method="GET", body=None, status=200, **headers):
        """One request. Words in names of headers are separated by underscores. status: None: any."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        try:
            headers = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            answer = Answer(response, response.read())
        finally:
            connection.close()
        if status is not None and answer.status != status:
            raise Failure(f"{method} {path}: status {answer.status}, wanted {status}: {answer.body[:300]!r}")
        return answer

    def process_of(self, pid, **headers):
        """The row of /processes for a pid, or None."""
        rows = [row for row in self.ask("/processes", **headers).json["processes"] if row["pid"] == pid]
        return rows[-1] if rows else None

    def wait_for(self, pid, what, condition, **headers):
        """Wait until the row of a process fulfils a condition; the server looks at a store once a second."""

        def look():
            row = self.process_of(pid, **headers)
            return row and condition(row) and row

        return wait_for(look, what, lambda: f": {self.process_of(pid, **headers)}")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def stop(self, status=0):
        if self.errors.closed:
            return
        self.process.terminate()
        check_equal(self.process.wait(), status, "status of ctrace serve; it said " + self._read())
        self.errors.close()


@contextlib.contextmanager
def serving(context, *options, **popen):
    server = Server(context, *options, **popen)
    try:
        yield server
        server.stop()
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


def samples(text):
    """The samples of /metrics: {(name, labels): number}; labels is a sorted tuple of (name, value)."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        match = re.fullmatch(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)', line)
        check(match, f"not a sample: {line}")
        labels = tuple(sorted(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', match.group(2) or "")))
        check((match.group(1), labels) not in found, f"twice: {line}")
        found[match.group(1), labels] = float(match.group(3))
    return found


def memory_mib(pid):
    """The most memory that a process has had."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read()).group(1)) / 1024


def unpack(body):
    return gzip.decompress(body)


PID_AT, LOSSES_AT = 32, 152  # in a store's header; serve_fleet.thousand_stores checks both


def many_stores(store, folder, count, first=2_000_000):
    """Copies of a store as those of that many processes, which are in no /proc; returns their paths."""
    with open(store, "rb") as file:
        whole = bytearray(file.read())
    paths = []
    for i in range(count):
        struct.pack_into("<I", whole, PID_AT, first + i)
        paths.append(os.path.join(folder, f"{first + i}.store"))
        with open(paths[-1], "wb") as out:
            out.write(whole)
    return paths


def touch_stores(paths):
    """Change a number in each, as if the program had run on: a store that has not changed is not read again."""
    for path in paths:
        with open(path, "r+b") as file:
            file.seek(LOSSES_AT + 8 * 7)  # allocations while recording was paused
            (count,) = struct.unpack("<Q", file.read(8))
            file.seek(LOSSES_AT + 8 * 7)
            file.write(struct.pack("<Q", count + 1))
