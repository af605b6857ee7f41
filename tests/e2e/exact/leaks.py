# SPDX-License-Identifier: MIT
"""CTRACE_REACH: which blocks are lost or still reachable, compared with Valgrind's memcheck on the same programs."""

import glob
import os
import re
import signal

from lib import commands, memcheck, oracle, trace
from lib.commands import Command
from lib.harness import CTRACE, CTRACE_TOP, Failure, check, check_caught, check_equal, check_in, program, test

KIND = re.compile(r"(lost|possible|reachable|base)_\w+$")
# These run alone, because what one of them leaves behind would disturb the others.
ALONE = ("lost_among_free", "reachable_stack", "reachable_register")
ALL_PROGRAM = "leaks"


def _command(name, *words):
    return Command(name, lambda: [program(name), *words])


def _is_kind(name):
    return KIND.match(name)


def _compare(context, command, *options):
    theirs = memcheck.run_valgrind(context, command, _is_kind, *options)
    ours = memcheck.run_ctrace(context, command, _is_kind)
    memcheck.check_same(theirs, ours)
    return ours


def _traced(context, *words, status=0, **changes):
    """Run leaks with CTRACE_REACH; returns the classes of its report."""
    result = trace.run(context, [program(ALL_PROGRAM), *words], status=status, CTRACE_REACH=1, **changes)
    return memcheck.of_report(context, context.path(f"out.{result.pid}.json"), _is_kind)


@test(needs=oracle.needs())
def each_kind(context):
    """Lists, trees, cycles, blocks of threads and mappings, pointers into blocks, and pointers in every kind of memory."""
    ours = _compare(context, _command(ALL_PROGRAM))
    check(len(ours.rows) >= 20, f"only {len(ours.rows)} rows")
    for (kind, functions), (_, blocks) in ours.rows.items():
        function = functions[0] if functions else kind  # no functions: a block of a thread
        loaders = function == "reachable_plugin"  # also counts the loader's block for the library
        check(function.startswith(kind) or kind == "indirect" or loaders, f"{blocks} blocks of {function} are {kind}")


@test(needs=oracle.needs())
def kinds_alone(context):
    for name in ALONE:
        ours = _compare(context, _command(ALL_PROGRAM, name))
        check_equal([key[0] for key in ours.rows], [name.partition("_")[0]], f"classes of {name}")


@test(needs=oracle.needs())
def cxx(context):
    """Containers, and arrays with a count in front. We lack Valgrind's fourth heuristic, pointers to a second base class."""
    ours = _compare(context, _command("leaks_cxx"), "--leak-check-heuristics=stdstring,length64,newarray")
    check("possible" in [kind for kind, functions in ours.rows if "base_pointer" in functions], "no second base")


# In real programs the two tools search different memory, with different allocators and stacks, and a stale word may look like
# a pointer. At most this number of blocks may have another class than in Valgrind. Their sum is the same.
OTHER_CLASS = 2


def _real(name):
    command = commands.by_name(name)

    def run(context):
        theirs = memcheck.run_valgrind(context, command, lambda name: False)
        ours = memcheck.run_ctrace(context, command, lambda name: False)
        both = [[sum(column) for column in zip(*each.sums.values())] for each in (ours, theirs)]
        check_equal(both[0], both[1], "bytes and blocks of all classes")
        apart = [abs(ours.sums[kind][1] - theirs.sums[kind][1]) for kind in ours.sums]
        check(max(apart) <= OTHER_CLASS, f"bytes and blocks by class: got {ours.sums}, wanted {theirs.sums}")
        return " ".join(f"{kind} {blocks}" for kind, (_, blocks) in ours.sums.items())

    run.__name__ = "real_" + name
    test(needs=oracle.needs() + tuple(command.needs))(run)


for _name in ("sqlite3", "perl", "python3", "jq", "xz", "mawk"):
    _real(_name)


@test(needs=oracle.needs())
def seeded_differences(context):
    command = _command(ALL_PROGRAM, "lost_list")
    theirs = memcheck.run_valgrind(context, command, _is_kind)
    ours = memcheck.run_ctrace(context, command, _is_kind)
    memcheck.check_same(theirs, ours)
    key = next(iter(ours.rows))
    ours.rows[key] = ours.rows[key][0] + 1, ours.rows[key][1]
    check_caught(lambda: memcheck.check_same(theirs, ours), Failure, "bytes and blocks", "a byte more")
    del ours.rows[key]
    check_caught(lambda: memcheck.check_same(theirs, ours), Failure, "None", "a row less")


@test()
def large_reservation(context):
    """Only the used page of a 64 GiB reservation is read."""
    check_equal(_traced(context, "reachable_reserve").rows, {("reachable", ("reachable_reserve",)): (707, 1)}, "classes")


@test()
def running_threads(context):
    """Other threads allocate, map and unmap meanwhile. Blocks that only their registers point to are not lost."""
    for _ in range(10):
        ours = _traced(context, "lost_beside_threads")
        check_equal({key: row for key, row in ours.rows.items() if "lost_block" in key[1]}, {("lost", ("lost_block", "lost_beside_threads")): (203, 2)}, "lost blocks")
        running = sum(blocks for (kind, functions), (_, blocks) in ours.rows.items() if kind == "lost" and "lost_block" not in functions)
        # A block that a thread frees between the end of the recording and its stop counts as live, at most one per thread.
        check(running <= 4, f"{running} lost blocks of 4 threads")


@test()
def forked_child(context):
    result = trace.run(context, [program(ALL_PROGRAM), "lost_by_fork"], CTRACE_REACH=1)
    found = trace.reports(context)
    rows = {pid: memcheck.of_report(context, report.path, _is_kind).rows for pid, report in found.items()}
    check_equal(rows.pop(result.pid), {("lost", ("lost_block", "lost_by_fork")): (203, 2)}, "the parent's")
    (child,) = rows.values()
    wanted = {("lost", ("lost_block", "lost_by_fork")): (203, 2), ("lost", ("lost_by_fork",)): (55, 1)}
    check_equal(child, wanted, "the child's: its parent's too")


@test()
def many_processes(context):
    """Shell pipelines, in which each process ends by itself."""
    script = "for i in 1 2 3; do ls / | sort | head -1; done"
    trace.run(context, ["/bin/sh", "-c", script], CTRACE_REACH=1)
    found = glob.glob(context.path("out.*.[0-9]*.json"))  # of ls, which was a child of the shell before its exec
    check_equal(len(found), 9, "reports")
    for path in found:
        memcheck.of_report(context, path)


def _refused(context, words, says, library="", status=0, **changes):
    """The recording is the same as without CTRACE_REACH, and a line says why there are no classes."""
    env = trace.environment(context, CTRACE_REACH=1, **changes)
    env["CTRACE_QUIET"] = "0"
    env["LD_PRELOAD"] += ":" + library
    result = context.run(words, env=env).check(status)
    check_in("CTRACE_REACH: leaks not classified: " + says, result.stderr, "stderr")
    for path in glob.glob(context.path("*.json*")):  # the sandbox leaves only a store
        text = context.run([CTRACE, "export", "-f", "json", "-o", "-", path]).check().stdout
        check("lostBytes" not in text and "endBytes" in text, "classes all the same")
        os.remove(path)


@test()
def refusals(context):
    leaks = program(ALL_PROGRAM)
    for interval in ("100", "128m"):  # the second has no block
        _refused(context, [leaks, "lost_list"], "a sample", CTRACE_SAMPLE=interval)
    for path in glob.glob("/usr/lib/*/libjemalloc.so.[0-9]"):
        _refused(context, [leaks, "lost_list"], "the program's allocator", path)
    _refused(context, [program("fire_sandbox")], "the program is in a sandbox", status=7)


@test()
def killed(context):
    """A killed program has no classes; the rest of its report is unaffected."""
    env = trace.environment(context, CTRACE_REACH=1)
    context.run([program("ends"), "SIGKILL"], env=env).check(-signal.SIGKILL)
    (store,) = glob.glob(context.path("*.store"))
    text = context.run([CTRACE, "export", "-f", "json", "-o", "-", store]).check().stdout
    check("lostBytes" not in text and "endBytes" in text, "classes of a killed program")


def _rows_of(shown):
    return [line for line in shown.partition("WHERE")[2].splitlines()[1:] if line.strip()]


@test()
def view(context):
    trace.run(context, [program(ALL_PROGRAM)], CTRACE_REACH=1)
    (report,) = trace.reports(context).values()
    ours = memcheck.of_report(context, report.path)
    shown = context.run([CTRACE_TOP, "--leaks", "--bytes", "-n", "0", report.path]).check().stdout
    for kind, words in memcheck.SUMMARY.items():
        size, blocks = ours.sums[kind]
        check(re.search(rf"^{words} +{size:,} bytes in {blocks:,} block", shown, re.M), f"{words} is not in {shown}")
    check_in("lost_large", _rows_of(shown)[0], "the largest lost site comes first")
    check("reachable_global" not in shown, "reachable blocks in the table")
    by = context.run([CTRACE_TOP, "--leaks", "--by", "function", "-n", "0", report.path]).check().stdout
    check_in("LOST", by, "columns by function")
    csv = context.run([CTRACE_TOP, "--leaks", "--csv", report.path]).check().stdout
    check_in("lost-bytes,lost-blocks,indirect-bytes", csv, "columns of --csv")
    result = context.run([CTRACE_TOP, "--sort", "lost", report.path]).check()
    check_in("LOST", result.stdout, "--sort lost without --leaks")


@test()
def view_without_classes(context):
    trace.run(context, [program(ALL_PROGRAM), "lost_list"])
    (report,) = trace.reports(context).values()
    shown = context.run([CTRACE_TOP, "--leaks", report.path]).check().stdout
    check_in("leak candidates: live at the end", shown, "heading")
    check_equal(len(_rows_of(shown)), 1, "rows")
    result = context.run([CTRACE_TOP, "--sort", "lost", report.path]).check(2)
    check_in("record with --reach (CTRACE_REACH=1)", result.stderr, "stderr")


RULES = """# of the C library and of ours
leak:make_tree

  leak:^lost_list$
leak:no_such_function
"""


@test()
def suppressions(context):
    trace.run(context, [program(ALL_PROGRAM)], CTRACE_REACH=1)
    (report,) = trace.reports(context).values()
    rules = context.write("rules", RULES)
    words = [CTRACE_TOP, "--leaks", "--bytes", "--suppressions"]
    shown = context.run([*words, rules, report.path]).check().stdout
    for line in (r"1,736 bytes in 31 blocks  leak:make_tree", r"560 bytes in 10 blocks  leak:\^lost_list\$", r"matches nothing  leak:no_such_function"):
        check(re.search(line, shown), f"{line} is not in {shown}")
    check("lost_tree" not in shown and "lost_cycle" in shown, "rows: " + shown)
    check_in("suppressed       2,296 bytes in 41 blocks", shown, "sum of what is suppressed")
    shown = context.run([*words, context.write("files", "leak:leaks.c$"), report.path]).check().stdout
    check_equal([row for row in _rows_of(shown) if "lost_" in row], [], "rows that a file matches")
    for text, says in (("leak:x\nrace:y\n", "bad:2: 'race:y' is not leak:PATTERN"), ("leak:\n", "bad:1:")):
        check_in(says, context.run([*words, context.write("bad", text), report.path]).check(2).stderr, "stderr")
    context.run([*words, context.path("none"), report.path]).check(3)
    check_in("--leaks", context.run([CTRACE_TOP, "--suppressions", rules, report.path]).check(2).stderr, "stderr")


@test()
def merged(context):
    for name in ("lost_list", "lost_block"):
        trace.run(context, [program(ALL_PROGRAM), name], CTRACE_REACH=1)
    paths = [report.path for report in trace.reports(context).values()]
    context.run([CTRACE, "merge", "-o", context.path("sum.json"), *paths]).check()
    rows = memcheck.of_report(context, context.path("sum.json"), _is_kind).rows
    wanted = {("lost", ("lost_block",)): (203, 2), ("lost", ("lost_list",)): (56, 1), ("indirect", ("lost_list",)): (504, 9)}
    check_equal(rows, wanted, "classes of the sum")
