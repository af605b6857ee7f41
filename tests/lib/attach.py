# SPDX-License-Identifier: MIT
"""Attaches to running programs and detaches from them, time and again."""

import contextlib
import os
import re
import subprocess

from lib.fire import STRESS
from lib.harness import CTRACE, check, check_equal, program

CYCLES = 4 if STRESS == 1 else 200  # make stress


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def _ask(context, command, status, is_done):
    """A starved thread may take longer than the 10 s that ctrace waits. Then it is asked again, or has done it meanwhile."""
    done = context.run(command)
    while status == 0 and re.search("does not stop; try again|takes longer than", done.stderr):
        done = context.run(command)
        if is_done in done.stderr:
            return done
    return done.check(status)


def attach(context, pid, *words, ctrace=CTRACE, status=0):
    return _ask(context, [ctrace, "attach", *words, str(pid)], status, "is attached to")


def detach(context, pid, ctrace=CTRACE, status=0):
    return _ask(context, [ctrace, "detach", str(pid)], status, "is not attached to")


def cycle(context, pid, folder=None, ctrace=CTRACE, count=CYCLES):
    """Attach and detach. The process must be alive after each."""
    out = os.path.join(folder or context.folder, "attached.%p.json")
    for number in range(count):
        attach(context, pid, "-q", "-o", out, ctrace=ctrace)
        check(is_alive(pid), f"died after attach {number + 1}")
        detach(context, pid, ctrace=ctrace)
        check(is_alive(pid), f"died after detach {number + 1}")


@contextlib.contextmanager
def running(context, command, out="program.out", **popen):
    """A program that says ready, and ends with its stdin. It must end well and say nothing on stderr but our lines."""
    with open(context.path("program.err"), "wb") as err:
        process = subprocess.Popen(command, env=popen.pop("env", context.environment()), cwd=popen.pop("cwd", context.folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, **popen)
    try:
        check_equal(process.stdout.readline(), b"ready\n", "first line")
        yield process
        process.stdin.close()
        shown = process.stdout.read().decode()
        check_equal((shown.split()[:1], process.wait()), (["fine"], 0), "its own verdict, and status")
        process.verdict = shown
    except BaseException:
        process.kill()
        process.wait()
        raise
    with open(context.path("program.err"), encoding="utf-8", errors="replace") as file:
        check_equal([line for line in file if not line.startswith("ctrace: ")], [], "stderr")


def attached(*words):
    """tests/programs/process/attached.c"""
    return [program("attached"), *map(str, words)]
