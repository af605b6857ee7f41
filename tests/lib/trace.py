# SPDX-License-Identifier: MIT
"""Runs programs with the library preloaded, and finds the reports of all their processes."""

import glob
import os

from lib import dhat, processes
from lib.harness import CTRACE, LIBRARY, check, check_equal

SUMMED = ("tb", "tbk", "mb", "mbk", "gb", "gbk", "eb", "ebk")

# For scripts: seconds since the process's start. A bucket of its timeline is 1/128 of that at most.
AGE = """
import os, time
def age():
    start = int(open("/proc/self/stat").read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - start
"""

# Functions in which a stack may end: the start of the program, the loader, a thread, a coroutine.
ROOTS = ("_start", "_dl_start_user", "clone", "__clone", "clone3", "__clone3", "start_thread", "__start_context")


def environment(context, out="out.%p.json", **changes):
    return context.environment(**{"LD_PRELOAD": LIBRARY, "CTRACE_OUT": context.path(out), "CTRACE_QUIET": 1, **changes})


def run(context, command, status=0, out="out.%p.json", stdin=b"", **changes):
    """Run a command traced and check its status; returns the result."""
    return context.run(command, env=environment(context, out, **changes), stdin=stdin).check(status)


def run_in_front(context, command, out, **changes):
    """run() before all other processes, for a program that works along the clock."""
    return context.run(command, env=environment(context, out, **changes), preexec_fn=processes.run_in_front).check()


def reports(context, pattern="out.*.json", stores=0):
    """The checked reports in the test's folder by pid. stores: how many may be left behind (None: any number)."""
    left = glob.glob(context.path("*.store"))
    check(stores is None or len(left) == stores, f"stores left behind: {left}")
    found = {}
    for path in glob.glob(context.path(pattern)):
        report = dhat.check_file(path)
        report.path = path
        found[report.data["pid"]] = report
    return found


def one(context, command, status=0, stdin=b"", **changes):
    """Run a program without children; returns its report."""
    result = run(context, command, status, stdin=stdin, **changes)
    found = reports(context)
    check_equal(list(found), [result.pid], "processes with a report")
    report = found[result.pid]
    os.remove(report.path)
    return report


def export_left_store(context):
    """Export the only store, which a killed program left; returns the report. An export by hand keeps the store."""
    stores = glob.glob(context.path("*.store"))
    check_equal(len(stores), 1, f"stores left behind ({stores})")
    context.run([CTRACE, "export", stores[0]]).check()
    check(os.path.exists(stores[0]), "the export by hand has removed the store")
    os.remove(stores[0])
    return next(iter(reports(context).values()))


def export_sandboxed(context):
    """Export the stores of programs whose sandbox lets no exporter start (xz since 5.6, by Landlock)."""
    for store in glob.glob(context.path("*.store")):
        context.run([CTRACE, "export", store]).check()
        os.remove(store)


def check_same_heap(context, runs, least, what, report="h.json"):
    """Check that all runs write the same sites of the heap to the report, at least so many, and what they are."""
    heaps = []
    for start in runs:
        start()
        sites = dhat.check_file(context.path(report)).sites
        heaps.append(sorted(([str(frame) for frame in site.frames], site["tb"], site["tbk"], site["eb"]) for site in sites))
    check(len(heaps[0]) >= least, what)
    for other in heaps[1:]:
        check_equal(other, heaps[0], "the heap's sites")


def check_below(report, function, wanted, keys=SUMMED):
    """Check counters summed over the sites below a function; wanted has the values of keys, in that order."""
    sums = report.below(function)
    keys = keys[: len(wanted)]
    check_equal({key: sums[key] for key in keys}, dict(zip(keys, wanted)), "below " + function)


def check_rooted(report):
    """Check that every stack ends in a root, or says that it does not."""
    for site in report.sites:
        last = site.frames[-1]
        nameless = last.function == "???" and last.module
        rooted = last.function in ROOTS or last.function.partition("@")[0] in ROOTS or nameless
        check(rooted or site.cut or last.mark, f"a stack ends in {last}: {site.frames}")
