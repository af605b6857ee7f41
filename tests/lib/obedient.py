# SPDX-License-Identifier: MIT
"""A traced python3 that allocates on command."""

import contextlib
import subprocess

from lib import trace
from lib.harness import PYTHON, check_equal, wait_for

# Runs the lines of its stdin and reports when each is done. In between nothing changes.
OBEDIENT = """
import sys
kept = []
def grow(count):
    for i in range(count):
        kept.append(bytearray(50_000))
def shrink(count):
    del kept[:count]
def churn(count):
    for i in range(count):
        bytearray(7_000)
def wander(count): # through C functions, to 2^count places
    if count:
        sorted((1,), key=lambda _: wander(count - 1))
        min((1, 2), key=lambda number: wander(count - 1) if number == 1 else 0)
    else:
        bytearray(1000)
    return 0
print("ready", flush=True)
for line in sys.stdin:
    word, count = line.split()
    {"grow": grow, "shrink": shrink, "churn": churn, "wander": wander}[word](int(count))
    print("done", flush=True)
"""


class Obedient:
    """A traced python3 that allocates on command."""

    def __init__(self, context, secret=None, popen=None, python=PYTHON, **changes):
        """secret: one more word of its command line; popen: for Popen; changes: of its environment."""
        env = trace.environment(context, out="target.%p.json", **changes)
        words = [python, "-S", "-E", "-c", OBEDIENT] + ([secret] if secret else [])
        self.process = subprocess.Popen(words, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **(popen or {}))
        self.pid = self.process.pid
        self.store = context.path(f"target.{self.pid}.json.store")
        self._hear("ready")

    def _hear(self, word):
        check_equal(self.process.stdout.readline(), word + "\n", "the program's answer")
        wait_for(self._reads, "the program to read on")

    def _reads(self):
        """Is it asleep in its read, so that it allocates nothing more?"""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "S"

    def tell(self, words):
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        self._hear("done")

    def end(self):
        self.process.stdin.close()
        check_equal(self.process.wait(), 0, "the program's status")
        self.process.stdout.close()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@contextlib.contextmanager
def obedient(context, **popen):
    target = Obedient(context, popen=popen)
    try:
        yield target
    finally:
        if target.process.poll() is None:
            target.kill()
