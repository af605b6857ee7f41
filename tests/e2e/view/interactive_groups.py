# SPDX-License-Identifier: MIT
"""Modules and threads in the interactive view of ctrace-top."""

import subprocess

from lib import commands, trace
from lib.harness import CTRACE_TOP, PYTHON, check, check_equal, check_in, test
from lib.screen import Terminal

RENAMED = """
import ctypes, sys
prctl = ctypes.CDLL(None).prctl
kept = [bytearray(50_000) for i in range(5)]
print("ready", flush=True)
sys.stdin.readline()
prctl(15, b"renamed")
for i in range(200_000): # until the name has been read again
    kept[0] = bytearray(700)
print("done", flush=True)
sys.stdin.readline()
"""


@test()
def threads(context):
    """A thread of a running program is shown with its current name."""
    env = trace.environment(context, out="target.%p.json", CTRACE_THREADS="1")
    words = [PYTHON, "-S", "-E", "-c", RENAMED]
    with subprocess.Popen(words, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        check_equal(process.stdout.readline(), "ready\n", "the program")
        with Terminal(context, [CTRACE_TOP, "-p", process.pid, "--by=thread"], columns=140) as terminal:
            terminal.wait_for("[thread 1 python3")
            process.stdin.write("\n")
            process.stdin.flush()
            check_equal(process.stdout.readline(), "done\n", "the program")
            text = terminal.wait_for("[thread 1 renamed]")
            check_in("[Threads]", text, "the view")
            check("python3]" not in text, text)
            terminal.press("q")
            check_equal(terminal.ended(), 0, "status")
        process.stdin.close()
        check_equal(process.wait(), 0, "the program's status")


def _paths(text):
    words = [line.split()[-1] for line in text.splitlines() if line]
    return [word for word in words if word.startswith("/")]


@test(needs=("sqlite3",))
def modules(context):
    """The modules of a file are those of the plain table. The search uses only their names. There are no threads."""
    result = trace.run(context, commands.by_name("sqlite3").words())
    path = trace.reports(context)[result.pid].path
    plain = context.run([CTRACE_TOP, "--by=module", "--cum", "-n0", "--columns=total", "--color=never", path]).check().stdout
    names = _paths(plain)
    with Terminal(context, [CTRACE_TOP, "-i", "--by=module", path], columns=160, lines=60) as terminal:
        shown = _paths(terminal.shown("[Modules]"))
        check(len(shown) >= 3, f"modules: {shown}")
        check_equal(shown, names[: len(shown)], "modules")
        terminal.press("/", *"sqlite3_malloc", "enter")
        check_in("not found: sqlite3_malloc", terminal.text(), "a function's name")
        terminal.press("/", *"libc.so", "enter")
        check_in("libc.so", terminal.selected(), "the module that was found")
        terminal.press("t")
        check_in("[Leaks]", terminal.text(), "after modules, without threads")
    refused = context.run([CTRACE_TOP, "-i", "--by=thread", path]).check(2).stderr
    check_in("no threads: record with --threads (CTRACE_THREADS=1)", refused, "without threads")
