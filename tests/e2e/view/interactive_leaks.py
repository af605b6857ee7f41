# SPDX-License-Identifier: MIT
"""The view of leaks of ctrace-top -i: classes, findings, what is live, and a running program."""

import re

from lib import trace
from lib.harness import CTRACE_TOP, check, check_equal, check_in, program, test
from lib.obedient import obedient
from lib.screen import Terminal


def _record(context, mode, name, **changes):
    trace.run_in_front(context, [program("leaky"), mode], name, **changes)
    return context.path(name)


def _rows(terminal):
    """The rows between the heads and the pane of the stack."""
    lines = terminal.lines()
    (at,) = [i for i, line in enumerate(lines) if " WHERE" in line]
    (end,) = [i for i, line in enumerate(lines) if line.startswith("── stack")]
    return lines[at].split(), [line for line in lines[at + 1 : end] if line]


def _at_leaks(context, path, *options, columns=80, key="l"):
    terminal = Terminal(context, [CTRACE_TOP, "-i", *options, path], columns=columns, lines=30)
    terminal.shown("[Leaks]" if "--leaks" in options else "[Sites]")
    if "--leaks" not in options:
        terminal.press(key)
    return terminal


@test()
def lost(context):
    """What is lost comes first and is marked; the classes and the largest finding stand above. At 80 columns and wide."""
    path = _record(context, "leak", "lost.json", CTRACE_REACH=1)
    for columns in (80, 200):
        with _at_leaks(context, path, columns=columns, key="T") as terminal:
            text = terminal.text()
            check_in("[Leaks]", text, "the view")
            check_in("classes   lost 10", text, "the sums by class")
            check_in("reachable 19.1 MiB", text, "what can be reached")
            check_in("leaks     leak_token leaky.c:", text, "the finding")
            check_in("no pointer leads to", text.replace("\n          ", " "), "its evidence")
            check(" selected " not in text, "the classes are taken for a selection")
            heads, rows = _rows(terminal)
            check_equal(heads[0], "LOST", "the first column")
            check_equal(len(rows), 1, "rows: the cache can be reached")
            check_in(" lost ", rows[0], "the mark")
            check_in("leak_token leaky.c:", rows[0], "where")
            check_equal("/s " in rows[0], columns == 200, f"a rate at {columns} columns: {rows[0]}")
            terminal.press(">")
            check_in("leak_token", terminal.selected(), "by blocks")
            terminal.press("enter")
            check_in("Esc closes", terminal.text(), "the stack")
            terminal.press("esc", "f", "no such function", "enter")
            terminal.wait_for("no site matches")
            terminal.press("esc", "t")
            check_in("[Sites]", terminal.text(), "after leaks")
            check_equal(_rows(terminal)[0][0], "TOTAL", "the order of the sites is what it was")
            check_in("fill_cache", terminal.selected(), "the largest by total")
            terminal.press("q")
            check_equal(terminal.ended(), 0, "status")


@test()
def suppressed(context):
    """Suppressions drop rows and findings."""
    path = _record(context, "leak", "lost.json", CTRACE_REACH=1)
    rules = context.write("rules", "leak:leak_token\n")
    with _at_leaks(context, path, "--leaks", "--suppressions", rules) as terminal:
        check_in("no leak candidate", terminal.text(), "rows")
        check_in("leaks     the suppressions drop all findings", terminal.text(), "the verdict")
        check_in("suppressed 10", terminal.text(), "the sum")
    refused = context.run([CTRACE_TOP, "-i", "--leaks", "--tree", path]).check(2).stderr
    check_in("--leaks with neither --by nor --tree", refused, "a tree of leaks")


@test()
def grows(context):
    """Without classes, what grows steadily comes before the larger cache; a cache alone is no finding, and that is said."""
    with _at_leaks(context, _record(context, "leak", "grows.json"), columns=120) as terminal:
        heads, rows = _rows(terminal)
        check_equal(heads[0], "END", "the first column")
        check_in(" grows ", rows[0], "the mark")
        check_in("leak_token leaky.c:", rows[0], "what comes first")
        check_in("fill_cache", rows[1], "the cache is larger, and comes second")
        check_in(" full ", rows[1], "the cache's mark")
        check_in("leaks     leak_token", terminal.text(), "the verdict")
        terminal.press("r")
        check_in("leak_token", _rows(terminal)[1][0], "findings stay first in the other order")
    with _at_leaks(context, _record(context, "cache", "cache.json"), "--leaks", columns=160) as terminal:
        check_in("leaks     no finding about leaks: at the end 19.1 MiB", terminal.text(), "the reason")
        check_in("full  ", _rows(terminal)[1][0], "the mark of a cache")
        check_in("fill_cache", _rows(terminal)[1][0], "what was live at the end")
    with _at_leaks(context, _record(context, "none", "none.json")) as terminal:
        check("LEAK " not in terminal.text(), "a column of marks without a mark")


@test()
def running(context):
    """A running program's view of leaks is sorted by what has grown since the baseline."""
    with obedient(context) as target:
        target.tell("grow 40")
        with Terminal(context, [CTRACE_TOP, "--bytes", "--leaks", "-p", target.pid], columns=160, lines=40) as terminal:
            terminal.wait_for("[Leaks]")
            terminal.press("m")
            target.tell("grow 9")
            terminal.shown(f" +{9 * 50_001:,} ")
            heads, rows = _rows(terminal)
            check_equal([head for head in heads if head in ("END", "LIVE", "GROWN")], ["LIVE", "GROWN"], "columns")
            check_in("PyByteArray_Resize", rows[0], "what has grown most")
            check(re.search("leaks     (no finding yet; what has grown since|PyByteArray_Resize)", terminal.text()), "the verdict")
            check_in(f" +{9 * 50_001:,} ", rows[0], "by how much")
            terminal.press("q")
            check_equal(terminal.ended(), 0, "status")
        target.end()
