# SPDX-License-Identifier: MIT
"""ctrace-top: shows the numbers of the file in the requested order, and text that is harmless for terminals."""

import os
import re
import subprocess

from lib import commands, dhat, trace
from lib.harness import CTRACE, CTRACE_TOP, check, check_equal, check_in, program, test
from lib.screen import run_on_terminal

ESCAPE = "\x1b"
# The sort keys: member of the report, column. The column % comes after the sorted one.
KEYS = {"total": ("tb", "TOTAL"), "blocks": ("tbk", "BLOCKS"), "max": ("mb", "MAX"), "peak": ("gb", "PEAK"), "end": ("eb", "END")}


def _report(context, command=None, **changes):
    words = command or [program("sites")]
    result = trace.run(context, words, **changes)
    return trace.reports(context)[result.pid]


def _top(context, *words, env=None):
    return context.run([CTRACE_TOP, *words], env=env).check().stdout


def _rows(shown):
    """The columns of a table, and its rows split at blanks."""
    lines = shown.splitlines()
    (head,) = [i for i, line in enumerate(lines) if line.split()[:1] == ["TOTAL"]]
    rows = []
    for line in lines[head + 1 :]:
        if not line or " more rows " in line:
            break
        rows.append(line.split())
    return lines[head].split(), rows


@test()
def sorts(context):
    report = _report(context, commands.by_name("sqlite3").words())
    for key, (member, column) in KEYS.items():
        columns, rows = _rows(_top(context, "--all-frames", "--sort", key, "-n", "0", "--bytes", report.path))
        check_equal(len(rows), len(report.sites), "rows of -n 0")
        cells = [row[columns.index(column)] for row in rows]
        got = [0 if cell == "-" else int(cell.replace(",", "")) for cell in cells]
        check_equal(got, sorted((site[member] for site in report.sites), reverse=True), f"column of --sort {key}")
    check_equal(len(_rows(_top(context, "--sort", "lifetime", "-n", "7", report.path))[1]), 7, "rows of -n 7")
    check_equal(len(_rows(_top(context, report.path))[1]), 20, "rows without -n")


@test()
def header(context):
    report = _report(context, [program("deep"), "600"])
    shown = _top(context, report.path)
    for part in (str(report.data["pid"]), "deep", "peak", "at end", "100 B in 2 blocks", "2 sites"):
        check_in(part, shown, "header")
    check(re.search(r"2 .*cut", shown), "the header does not show 2 cut stacks: " + shown[:600])


@test()
def views(context):
    report = _report(context)
    cumulative = _top(context, "--cum", report.path)
    check(re.search(r"^.*\bmain\b", cumulative, re.M), "--cum does not show main")
    # The row of main, not the path of the program in the header.
    main = next(line for line in cumulative.splitlines() if re.search(r"\d .* main\b", line))
    check_in("100", main, "main's share in --cum")
    tree = _top(context, "--tree", report.path)
    check(tree.index("main") < tree.index("do_peak"), "--tree: main is not before what it calls")
    full = _top(context, "--full", "-n", "1", report.path)
    for function in ("do_peak", "main", "__libc_start_main"):
        check_in(function, full, "--full")
    check("do_grow" not in full, "--full -n 1 shows a second site")


@test()
def colours(context):
    path = _report(context).path
    check(ESCAPE not in _top(context, path), "colours in a pipe")
    check(ESCAPE in _top(context, "--color", "always", path), "--color always: no colours")

    def on_terminal(*words, **changes):
        return run_on_terminal(context, [CTRACE_TOP, *words], env=context.environment(TERM="xterm", **changes)).check().stdout

    few = ["--no-pager", "-n", "3", path]  # less has escape sequences of its own
    check(ESCAPE in on_terminal(*few), "no colours on a terminal")
    check(ESCAPE not in on_terminal(*few, NO_COLOR=1), "colours in spite of NO_COLOR")
    check(ESCAPE not in on_terminal("--color", "never", *few), "colours in spite of --color never")


@test()
def strange_text(context):
    """Arguments that are not UTF-8 or hold escape sequences are harmless in report and table."""
    odd = [os.fsencode(program("deep")), "5", "ä€".encode() + b"\xff\x1b[31m\x07\n"]
    out = context.path("odd.json")
    env = trace.environment(context)
    env["CTRACE_OUT"] = out
    subprocess.run(odd, env=env, check=True)
    report = dhat.check_file(out)
    check_in("ä€", report.data["cmd"], "command in the report")
    for locale in ("C", "C.UTF-8"):
        env = context.environment()
        env["LC_ALL"] = locale
        result = context.run([CTRACE_TOP, out], env=env).check()
        shown = result.stdout_bytes.decode("utf-8")
        check(not set(shown) & {ESCAPE, "\x07", "\x9b"}, "control characters in the table")


@test(needs=("valgrind",))
def other_producers(context):
    """Files of Valgrind in its three modes."""
    out = context.path("dhat.out")
    for mode in ("heap", "copy", "ad-hoc"):
        words = ["valgrind", "-q", "--tool=dhat", "--mode=" + mode, "--dhat-out-file=" + out, program("deep"), "5", "9"]
        context.run(words).check()
        shown = _top(context, "--bytes", out)
        report = dhat.load(out)
        total = report.data["pps"] and sum(point["tb"] for point in report.data["pps"])
        if mode == "heap":
            check_equal(total, 200, "bytes in Valgrind's file")
            check_in("200", shown, "ctrace-top of Valgrind's file")
            check_in("Valgrind", shown, "producer")
            check_in("deep_leaf", shown, "ctrace-top of Valgrind's file")


@test()
def nothing_to_show(context):
    """In place of a table without rows there is a reason, and what to do."""
    context.write("none.c", "int main(void) { return 0; }\n")
    context.run(["cc", "-o", "none", "none.c"]).check()
    empty = _report(context, [context.path("none")]).path
    for words in ([], ["--by", "function"], ["--tree"], ["--leaks"]):
        shown = _top(context, *words, empty)
        check_in("no allocation was recorded.", shown, f"{words}")
        check_in("ctrace doctor --run", shown, f"{words}")
        check("WHERE" not in shown and "CALLS" not in shown, f"heads of an empty table: {shown}")
    said = context.run([CTRACE, "record", context.path("none")]).check().stderr
    check(re.fullmatch(r"ctrace: no allocation was recorded: the program did not call malloc, .*; to find out: ctrace doctor --run \S+/none \(.*\)\n", said), said)
    sampled = _report(context, [context.path("none")], CTRACE_SAMPLE="512k")
    check_in("no allocation was sampled.", _top(context, sampled.path), "a sample")
    said = context.run([CTRACE, "record", "--sample", "512k", context.path("none")]).check().stderr
    check_in("no allocation was recorded: the program allocated too little for this sample, ", said, "a sample")
    report = _report(context).path
    for words in ([], ["--by", "module"], ["--tree"]):
        shown = _top(context, "--focus", "nothing_has_this_name", *words, report)
        check(re.search(r"none of \d+ stacks is left: see what --focus", shown), f"{words}: {shown}")
    context.write("freed.c", "#include <stdlib.h>\nint main(void) { free(malloc(9)); return 0; }\n")
    context.run(["cc", "-O0", "-fno-builtin", "-o", "freed", "freed.c"]).check()
    check_in("no leak candidate: nothing was live at the end", _top(context, "--leaks", _report(context, [context.path("freed")]).path), "--leaks")
    reachable = _report(context, [program("leaky"), "cache"], CTRACE_REACH=1).path
    shown = _top(context, "--leaks", reachable)
    check_in("no leak candidate: all blocks that were live at the end can still be reached\nno function's live bytes grew steadily", shown, "--leaks, reachable")
    kept = _report(context, [program("leaky"), "kept"], CTRACE_REACH=1).path
    check_in("live bytes grew throughout the run in leak_token leaky.c:", _top(context, "--leaks", kept), "--leaks, growing and reachable")
    rules = context.write("rules.supp", "leak:lose\n")
    lost = _report(context, [program("leaky"), "few"], CTRACE_REACH=1).path
    check_in("the suppressions drop all of them", _top(context, "--leaks", "--suppressions", rules, lost), "--leaks, suppressed")


@test()
def short_header(context):
    """Views of a part of the numbers have one line about the program; the table has all."""
    path = _report(context).path
    for words in (["--peek", "main"], ["--list", "main"]):
        lines = _top(context, *words, path).splitlines()
        check(re.match(r"sites - pid \d+ - ran .* - total [\d.]+ [KM]?i?B in [\d,]+ blocks$", lines[0]), f"{words}: {lines[:3]}")
        check_equal(lines[1], "", f"{words}: the second line")
    check_in("own cost", _top(context, path), "the header of the table")
