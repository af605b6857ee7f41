# SPDX-License-Identifier: MIT
"""Long commands on a terminal: a line that shows how far they are, and what Ctrl-C leaves."""

import contextlib
import os
import re

from lib import dhat, processes
from lib.harness import BUILD, CTRACE, CTRACE_TOP, LIBRARY, Failure, check, check_equal, check_in, program, test, wait_for
from lib.screen import Terminal

SITES = "17"  # the base-2 logarithm; the export of so many takes many times BUSY_TICKS
TEMPLATE = os.path.join(BUILD, "share", "ctrace", "report.html")  # made by `make html`
BUSY_TICKS = 3  # of processor time: the command has begun its work
LINE = re.compile(r"ctrace: [a-z ]+: (\d+) %(?:, (\d+) (?:s|min) left)?")


def _store(context, name="many.json"):
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=context.path(name), CTRACE_EXPORT=0)
    context.run([program("many_sites"), SITES], env=env).check()
    return context.path(name + ".store")


def _shares(raw):
    """The shares of all lines that were drawn, in order."""
    return [int(found[1]) for found in LINE.finditer(raw.decode("utf-8", "replace"))]


def _temporary(context):
    return [name for name in os.listdir(context.folder) if name.endswith(".tmp")]


def _slow_down(terminal, pid, begun=None):
    """The command is held in its work until it is old enough for the line. begun: whether the work is at that point."""
    begun = begun or (lambda: processes.cpu_ticks(pid) >= BUSY_TICKS)
    wait_for(lambda: begun() or terminal.is_done(), "the command to work", terminal.text)
    with contextlib.suppress(ProcessLookupError):
        processes.hold(pid, 1.1)


def _wait_for_line(terminal):
    terminal.wait(lambda text: LINE.search(text) or terminal.is_done(), "the line")


def _again(attempt):
    """On a busy machine a command may be done before this test has looked: attempt() returns None then, and is repeated."""
    for _ in range(10):
        if (result := attempt()) is not None:
            return result
    raise Failure("ten times the command was done before it was looked at, or ignored what was sent")


def _check_drawn(terminal, what):
    shares = _shares(terminal.raw)
    check(shares and shares == sorted(shares), f"{what}: shares {shares}")
    check(not LINE.search(terminal.text()), f"{what}: a line is left: {terminal.text()}")


def _run(context, *words):
    def attempt():
        with Terminal(context, [CTRACE, *words], columns=120) as terminal:
            _slow_down(terminal, terminal.pid)
            check_equal(terminal.ended(), 0, f"status of {words}")
            if not _shares(terminal.raw):
                return None
            _check_drawn(terminal, words[0])
            return terminal.text()

    return _again(attempt)


@test()
def long_commands(context):
    """Each shows how far it is, and erases that: nothing is left but what it prints otherwise."""
    store = _store(context)
    check_in("ctrace: report ", _run(context, "export", store), "the screen after export")
    report = store.removesuffix(".store")
    check_in("no difference", _run(context, "diff", report, report), "the screen after diff")
    check_in("131,072", _run(context, "top", "-n", "3", report), "the screen after top")
    check_equal(_run(context, "diff", "-f", "json", "-o", context.path("diff.json"), report, report).strip(), "", "the screen after diff -o")
    os.rename(store, context.path("other.json.store"))
    check_in("merged 2 files", _run(context, "merge", "-o", context.path("all.json"), report, context.path("other.json.store")), "the screen after merge")


@test()
def nothing_without_a_terminal(context):
    """No terminal, a dumb one, or one in whose background we are: no line."""
    store = _store(context)
    plain = context.run([CTRACE, "export", store], env=context.environment(TERM="xterm")).check()
    check_equal(len(plain.stderr.splitlines()), 3, f"stderr: {plain.stderr}")
    with Terminal(context, [CTRACE, "export", store], term="dumb") as terminal:
        check_equal(terminal.ended(), 0, "status")
        check_equal(_shares(terminal.raw), [], "lines on a dumb terminal")
    with Terminal(context, ["/bin/sh", "-c", f"set -m; {CTRACE} export {store} & wait"]) as terminal:
        check_equal(terminal.ended(), 0, "status")
        check_equal(_shares(terminal.raw), [], "lines in the background")


def _interrupt(context, words, times, writes=False):
    """writes: not before the output is being written. The last word is a file, which --remove-store may remove."""
    with open(words[-1], "rb") as file:
        kept = file.read()

    def attempt():
        context.write(words[-1], kept)
        with Terminal(context, words, columns=200) as terminal:
            _slow_down(terminal, terminal.pid, (lambda: _temporary(context)) if writes else None)
            _wait_for_line(terminal)
            for _ in range(times):
                os.write(terminal.master, b"\x03")
            if (status := terminal.ended()) == 0:
                return None
            check_equal(status, 130, f"status after {times} times Ctrl-C")
            # A second Ctrl-C makes the terminal drop what it has not shown yet.
            check(times > 1 or not LINE.search(terminal.text()), "a line is left: " + terminal.text())
            check_equal(_temporary(context), [], "files left behind")
            return terminal.text()

    return _again(attempt)


@test()
def interrupted_export(context):
    """The store stays, a line says how to go on, and no temporary file is left."""
    store = _store(context)
    for times in (1, 2):
        commands = [["export", store], ["export", "-f", "dhat,pprof", "--remove-store", store]]
        for words in commands + ([["html", store]] if os.path.exists(TEMPLATE) else []):
            text = _interrupt(context, [CTRACE, *words], times, words[0] == "export")
            said = text.count("ctrace: stopped; the store stays; make the report with: ctrace export " + store)
            check(said == 1 or (said == 0 and times > 1), "the line: " + text)
    context.run([CTRACE, "export", store]).check()
    dhat.check_file(store.removesuffix(".store"))
    for words in (["top"], ["info"], ["advise"]):
        _interrupt(context, [CTRACE, *words, store.removesuffix(".store")], 1)
    for words in (["merge", "-o", context.path("all.json")], ["diff", "-f", "json", "-o", context.path("diff.json")]):
        text = _interrupt(context, [CTRACE, *words, store.removesuffix(".store"), store.removesuffix(".store")], 1)
        check_in("ctrace: stopped", text, f"{words[0]}: the line")


@test()
def interrupted_at_exit(context):
    """Plain LD_PRELOAD: the program's own output is there, and its exporter ends as ctrace export does."""
    report = context.path("many.json")
    env = dict(LD_PRELOAD=LIBRARY, CTRACE_OUT=report)

    def attempt():
        with contextlib.suppress(FileNotFoundError):
            os.remove(report)
        with Terminal(context, [program("many_sites"), SITES], columns=200, **env) as terminal:

            def exporters():
                terminal.pump()
                return terminal.is_done() or [pid for pid in processes.descendants(terminal.pid) if " export " in processes.name_of(pid)]

            if (found := wait_for(exporters, "the exporter")) is True:
                return None
            _slow_down(terminal, found[-1])
            _wait_for_line(terminal)
            os.write(terminal.master, b"\x03")
            if (status := terminal.ended()) == 0 or os.path.exists(report):
                return None
            check_equal(status, -2, "status of the program, which waited")
            return terminal.wait_for("ctrace: stopped; the store stays")

    text = _again(attempt)
    check_in(f"ctrace export {report}.store", text, "the line")
    check_equal([name for name in os.listdir(context.folder) if name.startswith("many")], ["many.json.store"], "files")


@test()
def ignored_signal(context):
    """Under nohup, or in a script's background, Ctrl-C is ignored as before."""
    store = _store(context)
    with Terminal(context, ["/bin/sh", "-c", f"trap '' INT; exec {CTRACE} export {store}"], columns=200) as terminal:
        _slow_down(terminal, terminal.pid)
        _wait_for_line(terminal)
        os.write(terminal.master, b"\x03")
        check_equal(terminal.ended(), 0, "status")
    dhat.check_file(store.removesuffix(".store"))
