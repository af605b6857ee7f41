# SPDX-License-Identifier: MIT
"""ctrace check: a gate that holds, a gate that breaks, and missing data that never lets a gate hold."""

import json
import os
import re

from lib import dhat, trace
from lib.harness import CTRACE, PYTHON, ROOT, check, check_equal, check_in, program, test

DATA = os.path.join(ROOT, "tests", "unit", "data")


def _record(context, name="heap.json", command=None, **changes):
    trace.run(context, command or [program("sites")], out=name, **changes)
    return dhat.check_file(context.path(name)), context.path(name)


def _check(context, path, *words, status=0):
    return context.run([CTRACE, "check", path, "-f", "md", *words]).check(status)


def _budget(context, *rules):
    return context.write("budget", "# a budget\n\n" + "\n".join(rules) + "\n")


def _table(text):
    """The cells of each row of a table."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    check_equal(lines[0], "| rule | limit | actual | off by | worst sites |", "head")
    check(re.fullmatch(r"\|( -+:? \|)+", lines[1]), "line below the head: " + lines[1])
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]
    check(all(len(row) == 5 for row in rows), f"rows with other than 5 cells: {rows}")
    return rows


@test()
def budgets(context):
    """Each number of the process, with a budget that is one byte or block too small, and one that is just large enough."""
    report, path = _record(context)
    keys = {"total": "tb", "blocks": "tbk", "peak": "gb", "max": "gb", "end": "eb", "temporary": "tmpk"}
    wanted = {name: report.total(key) for name, key in keys.items()}
    check(all(wanted.values()), f"numbers that are 0: {wanted}")
    rules = [f"{name} <= {number}" for name, number in wanted.items()] + [f"{name} == {number}" for name, number in wanted.items()]
    shown = _check(context, path, "--budget", _budget(context, *rules))
    check_equal(shown.stdout, f"{path}: {len(rules)} rules hold\n", "what a gate that holds says")
    rules = [f"{name} <= {number - 1}" for name, number in wanted.items()]
    shown = _check(context, path, "--budget", _budget(context, "total > 0", *rules), status=1)
    check_in(f"{len(rules)} of {len(rules) + 1} rules broken", shown.stdout, "first line")
    rows = _table(shown.stdout)
    check_equal([row[0] for row in rows], [f"`{rule}`" for rule in rules], "rules that broke")
    check_equal([row[3].rstrip(" B") for row in rows], ["+1"] * len(rows), "off by")
    check(all("`do_" in row[4] for row in rows), f"worst sites: {rows}")


@test()
def scopes(context):
    """Rules for a function or module count each of its sites once, compared with our own sums."""
    report, path = _record(context)
    below = report.below("do_grow")["tb"]
    module = sum(site["tb"] for site in report.sites if any(frame.module.endswith("/sites") for frame in site.frames))
    check(below and module >= below, f"{below} bytes below do_grow, {module} of the module")
    for rule, number in {"function do_gro? total": below, "function main total": report.below("main")["tb"], "module site* total": module}.items():
        _check(context, path, "-b", _budget(context, f"{rule} == {number}"))
        _check(context, path, "-b", _budget(context, f"{rule} < {number}"), status=1)
    rows = _table(_check(context, path, "-b", _budget(context, "function do_grow total <= 1"), status=1).stdout)
    check_equal(len(rows), 1, "rules that broke")
    check(rows[0][4].startswith("`do_grow` "), f"worst sites: {rows}")
    # A rule that matches nothing holds with a warning, and breaks with --strict.
    budget = _budget(context, "function no_such_function end <= 0", "total > 0")
    check_in("warning: `function no_such_function end <= 0` matches no site", _check(context, path, "-b", budget).stdout, "warning")
    check_in("matches no site", _table(_check(context, path, "-b", budget, "--strict", status=1).stdout)[0][4], "with --strict")
    _check(context, path, "-b", _budget(context, "function no_such_function total >= 1"), status=1)


@test()
def growth(context):
    context.write("old.py", "d = [bytearray(5000) for i in range(100)]\n")
    context.write("new.py", "d = [bytearray(5000) for i in range(200)]\n")
    (old, old_path), (new, new_path) = (_record(context, name + ".json", [PYTHON, name + ".py"], PYTHONMALLOC="malloc", PYTHONHASHSEED=0) for name in ("old", "new"))
    grown = new.total("gb") - old.total("gb")
    check(grown > 400000, f"the peak has grown by {grown}")
    baseline = ("--baseline", old_path)
    _check(context, new_path, *baseline, "--max-growth", f"peak {grown}", "--max-growth", "total 1 MiB", "--max-growth", "end 1%")
    shown = _check(context, new_path, *baseline, "--max-growth", f"peak {grown - 1}", "--max-growth", "peak 5%", "--max-growth", "blocks 1g", status=1)
    rows = _table(shown.stdout)
    check_equal([row[0] for row in rows], [f"growth `peak {grown - 1}`", "growth `peak 5%`"], "rules that broke")
    check_equal(rows[0][3], "+1 B", "off by")
    check(re.search(r"PyByteArray.* \+4\d\d KiB|\+4\d\d KiB", rows[1][4]), f"worst sites: {rows}")
    _check(context, old_path, "--baseline", new_path, "--max-growth", "peak 0")
    _check(context, old_path, "--baseline", old_path, "--max-growth", "total 0%")
    scoped = "function PyByteArray_Resize total"
    _check(context, new_path, *baseline, "--max-growth", f"{scoped} 1%", status=1)
    _check(context, new_path, *baseline, "--max-growth", f"{scoped} 101%")
    # Both kinds of rules at once.
    shown = _check(context, new_path, *baseline, "--max-growth", "peak 1%", "-b", _budget(context, "total <= 1"), status=1)
    check_equal(len(_table(shown.stdout)), 2, "rules that broke")


@test()
def missing_data(context):
    """A number that the file lacks is an error, and so is a check without rules."""
    _, path = _record(context)
    heap, copy = (os.path.join(DATA, "dhat.out." + mode) for mode in ("heap", "copy"))
    peak, nothing = _budget(context, "peak <= 1 g"), context.write("nothing", "# only\n\n")
    temporary, module = context.write("t", "temporary <= 1g\n"), context.write("m", "module lib* total <= 1g\n")
    growth = ("--max-growth", "peak 5%")
    for words in (
        (copy, "-b", peak),
        (heap, "-b", temporary),
        (heap, "-b", module),
        (path, "--baseline", heap, "--max-growth", "temporary 5%"),
        (path, "--baseline", copy, *growth),
        (path, "--baseline", heap, "--max-growth", "lifetime 5%"),
        (path,),
        (path, "-b", nothing),
        (path, "--baseline", path),
        (path, *growth),
        (path, path, "-b", peak),
        (path, "--baseline", path, "--max-growth", "peek 5%"),
    ):
        result = _check(context, *words, status=2)
        check_equal((result.stdout, len(result.stderr.splitlines())), ("", 1), f"output for {words}")
    for words in ((context.path("none"), "-b", peak), (path, "-b", context.path("none")), (path, "--baseline", context.path("none"), *growth)):
        check_equal(len(_check(context, *words, status=3).stderr.splitlines()), 1, f"lines for {words}")
    bad = context.write("bad", "peak <= 1g\n\npeak <= 5 parsecs\n")
    check_in("bad:3: 'parsecs' is not a unit of peak-bytes", _check(context, path, "-b", bad, status=2).stderr, "a bad line")


@test(needs=("valgrind", "sqlite3"))
def other_producers(context):
    """A budget for a file of Valgrind, and growth from it to ours."""
    out, words = context.path("dhat.out"), ["sqlite3", ":memory:", "create table t(a); insert into t values (1), (2); select * from t;"]
    context.run(["valgrind", "-q", "--tool=dhat", "--num-callers=500", "--dhat-out-file=" + out, *words]).check()
    report, path = _record(context, command=words)
    _check(context, out, "-b", _budget(context, f"peak <= {report.total('gb')}", "function sqlite3VdbeExec blocks > 10"))
    _check(context, path, "--baseline", out, "--max-growth", "peak 0", "--max-growth", "function sqlite3VdbeExec total 0")


@test()
def losses(context):
    _, path = _record(context)
    with open(path, encoding="utf-8") as file:
        data = json.load(file)
    data["ctrace"]["losses"]["dropped"] = 5
    lossy = context.write("lossy.json", json.dumps(data))
    budget = _budget(context, "total > 0")
    told = f"warning: {lossy}: 5 events dropped (numbers too low)"
    check_in(told, _check(context, lossy, "-b", budget).stdout, "a lossy recording")
    check_in(told, _check(context, path, "--baseline", lossy, "--max-growth", "total 0").stdout, "a lossy baseline")
    check_in("--strict", _check(context, lossy, "-b", budget, "--strict", status=1).stdout.splitlines()[0], "with --strict")
    check("warning" not in _check(context, path, "-b", budget, "--strict").stdout, "warning about a good one")


PAIR = """
import os, sys, time
x = bytearray(8 << 20)
open(sys.argv[1], "w").close()
while not os.path.exists(sys.argv[2]): time.sleep(0.001)
if sys.argv[1] != sys.argv[2]: time.sleep(3)  # far longer than the times of two processes may be apart in their reports
os._exit(0)
"""


@test()
def folders(context):
    """A folder is judged by the sum of its processes; its peak is what they had at one moment, in turn or side by side."""
    code, a, b = context.write("pair.py", PAIR), context.path("a"), context.path("b")
    scripts = {"turns": f"{PYTHON} {code} {a} {a}; {PYTHON} {code} {b} {b}", "beside": f"rm {a} {b}; {PYTHON} {code} {a} {b} & {PYTHON} {code} {b} {a} & wait"}
    for name, script in scripts.items():
        context.run([CTRACE, "record", "-q", "-f", "dhat", "-o", name + "/", "/bin/sh", "-c", script]).check()
    budget = _budget(context, "peak <= 12 MiB", "total >= 16 MiB", "function PyByteArray_Resize peak >= 16 MiB")
    _check(context, "turns", "-b", budget)
    broken = _check(context, "beside", "-b", budget, status=1).stdout
    ((rule, _, actual, _, _),) = _table(broken)
    check(rule.strip("`") == "peak <= 12 MiB" and re.fullmatch(r"1[6-9]\.\d MiB", actual), broken)
    # a folder of recordings is the newest of them; two folders can be compared
    text = context.run([CTRACE, "check", "beside", "--baseline", "turns", "--max-growth", "peak 20%", "--max-growth", "total 20%"]).check(1).stdout
    check_in("1 of 2 rules broken", text, "growth from folder to folder")
    check_in("growth peak 20%", text, "the rule")
    refused = context.run([CTRACE, "check", context.folder + "/none", "-b", budget]).check(3).stderr
    check_equal(len(refused.splitlines()), 1, refused)
    os.mkdir(context.path("empty"))
    check_in("no report and no store in this folder", context.run([CTRACE, "check", "empty", "-b", budget]).check(2).stderr, "an empty folder")
