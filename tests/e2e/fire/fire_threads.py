# SPDX-License-Identifier: MIT
"""How many threads there are, how they end, and what they leave behind."""

import glob

from lib import dhat, store, trace
from lib.fire import SAMPLED, STRESS, run_all, run_both
from lib.harness import check, check_equal, check_in, program, test

SHORT = 3000 * STRESS


@test()
def of_all_kinds(context):
    """Threads that are short-lived, have small stacks, allocate in destructors, are cancelled, or live when the program ends."""
    table = [("short", SHORT), ("exit", 200), ("small", 1), ("keys", 20), ("tls", 20), ("cancel", 20 * STRESS), ("child", 1)]
    for changes in SAMPLED:
        run_all(context, [("fire_threads",) + row for row in table], **changes)
    # There is no folder for the store. A forked child says so on its stack of 16 KiB.
    run_both(context, [program("fire_threads"), "child", 1], CTRACE_OUT="/nonexistent/out.json", TMPDIR=context.folder)


@test()
def destructors(context):
    """Frees and allocations of a thread's keys and objects during their destruction are recorded."""
    for how in ("keys", "tls"):
        report = trace.one(context, [program("fire_threads"), how, 20])
        trace.check_below(report, "destroy", (20 * 60 * 100, 20 * 60, 0), ("tb", "tbk", "eb"))
        made = "with_keys" if how == "keys" else "with_objects"
        check_equal(sum(site["tbk"] for site in report.leaf(made)), 20 * 60, "objects")
        check_equal(sum(site["ebk"] for site in report.leaf(made)), 0, "objects that are not freed")


@test()
def blocks_of_threads_that_are_gone(context):
    report = trace.one(context, [program("fire_threads"), "gone", 300])
    trace.check_below(report, "leave_block", (300 * 40, 300, 300 * 40, 300, 300 * 40, 300, 0, 0))


@test()
def many_alive(context):
    """All threads begin at once and end at once, and wait for the same locks."""
    count = 7000
    report = trace.one(context, [program("fire_threads"), "live", count])
    trace.check_below(report, "leave_block", (count * 40, count, count * 40, count, count * 40, count, 0, 0))
    return f"{count} threads"


@test()
def too_many_alive(context):
    """More threads than there is room for: the program has its room, the rest is counted, a line says so."""
    command = ["prlimit", "--as=400000000", program("fire_threads"), "live", 600]
    result = run_both(context, command, stores=True, CTRACE_QUIET=0, MALLOC_ARENA_MAX=1)
    check_in("events dropped (numbers too low)", result.stderr, "stderr")
    report = dhat.check_file(context.path(f"out.{result.pid}.{result.pid}.json"), lossless=False)  # the first name was prlimit's
    check(50 < report.below("leave_block")["tbk"] < 600, f"{report.below('leave_block')['tbk']} blocks recorded")
    check(report.losses["dropped"] + report.losses["late"] > 0, f"not counted: {report.losses}")


@test()
def memory_of_ended_threads(context):
    """Ten threads at a time: later ones use the rings of those that have ended."""
    env = trace.environment(context, CTRACE_KEEP_STORE=1)
    context.run([program("fire_threads"), "short", SHORT], env=env).check()
    (path,) = glob.glob(context.path("*.store"))
    rings = store.Store(path).used["rings"]
    check(rings <= 40, f"{rings} rings for {SHORT} threads, of which ten live at a time")
    return f"{SHORT} threads, {rings} rings"
