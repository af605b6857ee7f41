# SPDX-License-Identifier: MIT
"""Programs with odd names, read-only folders, and a system without /proc: they are recorded, or one true line says why not."""

import glob
import os
import shutil

from lib import dhat, trace
from lib.fire import in_own_mounts
from lib.harness import CTRACE, CTRACE_TOP, LIBRARY, check, check_equal, check_in, program, test

LONGEST = 255


@test()
def long_names(context):
    """A program's name may have as many bytes as a file's. Its report has the first 128, without half a character."""
    for name, kept in (("x" * 240, 128), ("y" * LONGEST, 128), ("é" * 120, 128), ("a" + "é" * 120, 127), ("z" * 128, 128)):
        app = shutil.copy(program("sites"), context.path(name))
        short = name.encode()[:kept].decode()
        context.run([app], env=trace.environment(context, out="%e.json")).check()
        report = dhat.check_file(context.path(short + ".json"))
        check_in(name, report.data["cmd"], "the command")
        for options, made in ((["-f", "pprof,heaptrack,speedscope"], "ctrace." + short + ".*"), (["-o", "runs/"], "runs/" + short + "-*")):
            result = context.run([CTRACE, "record", *options, app]).check()
            check_in("report " + context.path(os.path.dirname(made)), result.stderr, f"{options}")
            check_equal(len(glob.glob(context.path(made))), 3 if "-f" in options else 1, f"outputs of {options}: {os.listdir(context.folder)}")
        for path in glob.glob(context.path("ctrace.*")) + [context.path(short + ".json")]:
            os.remove(path)
        shutil.rmtree(context.path("runs"))


@test()
def blanks_in_names(context):
    """Blanks, tabs and line ends in a program's name: the report is written, and views call it by its whole name."""
    for name in ("two words", "a\tb c", "end ", "line\nend"):
        app = shutil.copy(program("sites"), context.path(name))
        context.run([app, "words", "after"], env=trace.environment(context, out="%e.json"))
        path = context.path(name + ".json")
        title = context.run([CTRACE_TOP, path]).check().stdout.partition(" - pid")[0]
        check_equal(title, name.replace("\t", " ").replace("\n", " "), "name")
        result = context.run([CTRACE, "record", "-o", "record.json", app]).check()
        check_in("report " + context.path("record.json"), result.stderr, name)


@test()
def read_only(context):
    """Neither the report's folder nor TMPDIR can be written: the program runs, and one line says that nothing is recorded."""
    for how in (f"LD_PRELOAD={LIBRARY} {program('sites')}", f"{CTRACE} record {program('sites')}"):
        result = in_own_mounts(context, f"mkdir -p ro; mount -t tmpfs none ro; mount -o remount,ro ro; cd ro; TMPDIR=$PWD {how}")
        (line,) = result.stderr.splitlines()
        check(line.endswith(".json: read-only file system; nothing is recorded"), line)


@test()
def without_proc(context):
    """Without /proc the program is recorded under its own name, and ctrace finds its library."""
    app = program("sites")
    trial = f"{CTRACE} doctor --run {app} > told || true; {CTRACE} top -p 1 2> seen || true; {CTRACE} top -p 4194304 2> none || true"
    script = f"mount -t tmpfs none /proc; {trial}; CTRACE_OUT=%e.json LD_PRELOAD={LIBRARY} {app} a b; {CTRACE} record -q -o record.json {app} a b"
    result = in_own_mounts(context, script)
    with open(context.path("told"), encoding="utf-8") as told, open(context.path("seen"), encoding="utf-8") as seen:
        check_in("allocations at", [line for line in told if "trial" in line][0], "trial of the doctor")
        check_in("/proc does not show it", seen.read(), "a process that cannot be seen")
    with open(context.path("none"), encoding="utf-8") as none:
        check_in("there is no process 4194304", none.read(), "no process")
    check("copied while" not in result.stderr, result.stderr)
    for name in ("sites.json", "record.json"):
        report = dhat.check_file(context.path(name))
        check_equal(report.data["cmd"], app + " a b", "command")
        trace.check_below(report, "do_malloc", (600, 6, 600, 6))
