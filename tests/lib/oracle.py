# SPDX-License-Identifier: MIT
"""Valgrind's DHAT and ctrace on the same command, and their sites matched by stack.

Both sides become a table: stack -> counters, a stack being (function, place) without addresses. What the
two tools do differently on purpose is a *rule* in lib/rules.py. A rule that changes nothing for a program
that names it is stale and fails the test, and so does what differs after all rules. There is no tolerance.
"""

import os
import re
import shutil

from lib import dhat
from lib.harness import CTRACE, LIBRARY, Failure, check, check_equal, program
from lib.rules import RULES, same_names

COMPARED = ("tb", "tbk", "gb", "gbk", "eb", "ebk")

# Debian's `valgrind` is a script that sets variables; a program's copy of its environment would show them.
VALGRIND_BINARIES = ("/usr/bin/valgrind.bin", "/usr/bin/valgrind")
VALGRIND_OPTIONS = [
    "--tool=dhat",
    "--num-callers=500",
    "--show-below-main=yes",
    "--read-inline-info=yes",
    "--keep-debuginfo=yes",
    # The C library's own blocks stay live at the end, as they do without Valgrind.
    "--run-libc-freeres=no",
    "--run-cxx-freeres=no",
]
VALGRIND_PRELOAD = re.compile(r"/vgpreload_[a-z]+-[a-z0-9]+-linux\.so$")
VALGRIND_SUMMARY = {"Total": ("tb", "tbk"), "At t-gmax": ("gb", "gbk"), "At t-end": ("eb", "ebk")}


class Run:
    def __init__(self, table, output, report):
        self.table, self.output, self.report = table, output, report


def environment(context, preload=None, **more):
    """
    The same number and lengths of variables on both sides, since programs copy their environment.
    Valgrind adds LD_PRELOAD at the end.
    """
    changes = dict(
        PERL_HASH_SEED=0,
        PERL_PERTURB_KEYS=0,
        PYTHONHASHSEED=0,
        # Python's own allocator keeps an index of its arenas by address, which is not the same in two runs.
        PYTHONMALLOC="malloc",
        PYTHONDONTWRITEBYTECODE=1,
        CTRACE_OUT=context.path("c.json"),
        CTRACE_QUIET=1,
        CTRACE_BIN=CTRACE,
        **more,
    )
    if preload:
        changes["LD_PRELOAD"] = preload
    return context.environment(**changes)


def valgrind():
    return next(path for path in VALGRIND_BINARIES if os.path.exists(path))


def valgrinds_preload(context, tool="dhat"):
    """What Valgrind puts into LD_PRELOAD here."""
    quiet = [valgrind(), "-q", "--tool=" + tool]
    quiet += ["--dhat-out-file=/dev/null"] if tool == "dhat" else []
    shown = context.run([*quiet, "/usr/bin/env"], env=environment(context)).check().stdout
    return re.search(r"^LD_PRELOAD=(.*)$", shown, re.M).group(1)


def run_valgrind(context, command):
    out = context.path("valgrind.out")
    words = [valgrind(), *VALGRIND_OPTIONS, "--dhat-out-file=" + out, *command.words()]
    result = context.run(words, env=environment(context), stdin=command.stdin).check()
    report = dhat.load(out, repeated=True)
    for name, (bytes_key, blocks_key) in VALGRIND_SUMMARY.items():
        told = re.search(rf"{name}: +([\d,]+) bytes in ([\d,]+) blocks", result.stderr)
        sums = [f"{report.total(key):,}" for key in (bytes_key, blocks_key)]
        check_equal(list(told.groups()), sums, f"Valgrind's summary and its file, {name}")
    return Run(to_table(report, valgrind_stack), result.stdout_bytes, report)


def ctrace_environment(context, second="libone_byte.so", tool="dhat", **more):
    """
    Two libraries are preloaded, as Valgrind does, so that the loader's tables are as big: ours, and one
    that asks for 1 byte where the program asks for 0, which is what Valgrind's DHAT counts.
    """
    folder = context.make_folder("p")
    links = []
    # By short links, so that the variable can be made as long as Valgrind's.
    for target in (program(second), LIBRARY):
        links.append(os.path.join(folder, os.path.basename(target)))
        if not os.path.lexists(links[-1]):
            os.symlink(target, links[-1])
    preload, wanted = ":".join(links), len(valgrinds_preload(context, tool))
    check(len(preload) <= wanted, "the test's folder has too long a name: " + folder)
    return environment(context, preload.ljust(wanted, ":"), **more)


def run_ctrace(context, command):
    result = context.run(command.words(), env=ctrace_environment(context), stdin=command.stdin).check()
    report = dhat.check_file(context.path("c.json"))
    return Run(to_table(report, ctrace_stack), result.stdout_bytes, report)


def place_of(frame):
    """file:line, else the module's file, links followed: both tools may have found it by another path."""
    if frame.file:
        return f"{os.path.basename(frame.file)}:{frame.line}"
    return os.path.basename(os.path.realpath(frame.module)) if frame.module else "?"


def _plain(frame):
    # Valgrind prints the version of a symbol: name@@VERSION.
    return same_names(re.sub(r"@+[A-Z]\w*[\d.]*$", "", frame.function)), place_of(frame)


def valgrind_stack(frames):
    """Valgrind's functions that stand in for the allocator's are no frames of the program."""
    at = 0
    while at < len(frames) and VALGRIND_PRELOAD.search(frames[at].module):
        at += 1
    stack = [_plain(frame) for frame in frames[at:]]
    # Valgrind takes no notice that _start has no caller, and reads argc, argv... as return addresses.
    while stack[-1] == ("???", "?"):
        stack.pop()
    return stack


def ctrace_stack(frames):
    return [_plain(frame) for frame in frames]


def to_table(report, stack_of):
    table = {}
    for site in report.sites:
        add(table, tuple(stack_of(site.frames)), [site[key] for key in COMPARED])
    return table


def add(table, stack, counters):
    present = table.setdefault(stack, [0] * len(COMPARED))
    for i, value in enumerate(counters):
        present[i] += value


def apply_rule(name, theirs, ours):
    """Both tables by the rule; stacks that become equal become one."""
    rule = RULES[name]
    tables = []
    for table, stack_rule in ((theirs, rule.valgrind), (ours, rule.ctrace)):
        changed = {}
        for stack, counters in table.items():
            new_stack, new_counters = stack_rule(list(stack), list(counters)) if stack_rule else (stack, counters)
            add(changed, tuple(new_stack), new_counters)
        tables.append(changed)
    check(tables != [theirs, ours], f"rule {name} changes nothing here: leave it out")
    return tables


def describe(stack):
    return " < ".join(f"{function} ({place})" for function, place in stack)


def differences(theirs, ours):
    """Lines that say what is left between the tables, the largest first."""
    lines = []
    for stack in sorted(set(theirs) | set(ours), key=lambda s: -max(theirs.get(s, [0])[0], ours.get(s, [0])[0])):
        left, right = theirs.get(stack), ours.get(stack)
        if left != right:
            lines.append(f"Valgrind {left}, ctrace {right}: {describe(stack)}")
    return lines


def check_same(theirs, ours, what):
    lines = differences(theirs, ours)
    if lines:
        count = len(set(theirs) | set(ours))
        raise Failure(f"{what}: {len(lines)} of {count} stacks differ ({' '.join(COMPARED)}):\n" + "\n".join(lines[:8]))
    totals = [[sum(column) for column in zip(*table.values())] for table in (theirs, ours)]
    check_equal(totals[1], totals[0], f"{what}: the process's totals")


def compare(context, command):
    """The whole oracle for one command."""
    theirs, ours = run_valgrind(context, command), run_ctrace(context, command)
    check_equal(ours.output, theirs.output, "the program's output, traced and under Valgrind")
    tables = [theirs.table, ours.table]
    for name in command.rules:
        tables = apply_rule(name, *tables)
    check_same(*tables, command.name)
    check(len(tables[0]) >= command.sites, f"only {len(tables[0])} stacks were compared, wanted {command.sites}")


def needs():
    return (shutil.which("valgrind") or "valgrind", "nm", "readelf")
