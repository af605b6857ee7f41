# SPDX-License-Identifier: MIT
"""Runs Valgrind's DHAT and ctrace on the same command and matches their sites by stack.

Each side becomes a table from stack to counters, where a stack is a list of (function, place) without addresses. A *rule* in
lib/rules.py describes what the two tools do differently on purpose. If a rule changes nothing for a program that names it,
it is stale and fails the test. So does any difference that is left after all rules. There is no tolerance.
"""

import os
import re
import shutil

from lib import dhat
from lib.harness import CTRACE, LIBRARY, Failure, check, check_equal, program
from lib.rules import RULES, same_names

COMPARED = ("tb", "tbk", "gb", "gbk", "eb", "ebk")

# Debian's `valgrind` is a script that sets variables, and a program's copy of its environment would contain them.
VALGRIND_BINARIES = ("/usr/bin/valgrind.bin", "/usr/bin/valgrind")
VALGRIND_OPTIONS = [
    "--tool=dhat",
    "--num-callers=500",
    "--show-below-main=yes",
    "--read-inline-info=yes",
    "--keep-debuginfo=yes",
    # The C library's own blocks stay live at the end, as without Valgrind.
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
    Both sides get variables of the same number and lengths, since programs copy their environment.
    Valgrind adds LD_PRELOAD at the end.
    """
    changes = dict(
        PERL_HASH_SEED=0,
        PERL_PERTURB_KEYS=0,
        PYTHONHASHSEED=0,
        # Python's own allocator indexes its arenas by address, which differs between two runs.
        PYTHONMALLOC="malloc",
        PYTHONDONTWRITEBYTECODE=1,
        CTRACE_OUT=context.path("c.json"),
        CTRACE_QUIET=1,
        CTRACE_BIN=CTRACE,
        CTRACE_STDERR="0:0",  # otherwise the library adds it
        **more,
    )
    if preload:
        changes["LD_PRELOAD"] = preload
    return context.environment(**changes)


def valgrind():
    return next(path for path in VALGRIND_BINARIES if os.path.exists(path))


def valgrinds_preload(context, tool="dhat"):
    """What Valgrind puts into LD_PRELOAD on this machine."""
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
    Two libraries are preloaded, as under Valgrind, so that the loader's tables have the same size: ours, and one that requests
    1 byte when the program requests 0, which is what Valgrind's DHAT counts.
    """
    folder = context.make_folder("p")
    links = []
    # The libraries are named by short links, so that the variable can be padded to the length of Valgrind's.
    for target in (program(second), LIBRARY):
        links.append(os.path.join(folder, os.path.basename(target)))
        if not os.path.lexists(links[-1]):
            os.symlink(target, links[-1])
    preload, wanted = ":".join(links), len(valgrinds_preload(context, tool))
    check(len(preload) <= wanted, "the test's folder has too long a name: " + folder)
    return environment(context, preload.ljust(wanted, ":"), **more)


def run_ctrace(context, command):
    result = context.run(command.words(), env=ctrace_environment(context), stdin=command.stdin).check()
    if not os.path.exists(context.path("c.json")):  # xz 5.8 may open no file any more when it ends
        context.run([CTRACE, "export", context.path("c.json.store")]).check()
    report = dhat.check_file(context.path("c.json"))
    return Run(to_table(report, ctrace_stack), result.stdout_bytes, report)


def place_of(frame):
    """file:line, or else the module's real path, since the two tools may have found it by different links."""
    if frame.file:
        return f"{os.path.basename(frame.file)}:{frame.line}"
    return os.path.basename(os.path.realpath(frame.module)) if frame.module else "?"


def _plain(frame):
    # Valgrind prints a symbol with its version: name@@VERSION.
    return same_names(re.sub(r"@+[A-Z]\w*[\d.]*$", "", frame.function)), place_of(frame)


def valgrind_stack(frames):
    """Valgrind's replacements of the allocator's functions are not frames of the program."""
    at = 0
    while at < len(frames) and VALGRIND_PRELOAD.search(frames[at].module):
        at += 1
    stack = [_plain(frame) for frame in frames[at:]]
    # Valgrind does not know that _start has no caller, and reads argc, argv and so on as return addresses.
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


def apply_rule(name, theirs, ours, must=True):
    """Apply a rule to both tables; stacks that become equal are added up."""
    rule = RULES[name]
    tables = []
    for table, stack_rule in ((theirs, rule.valgrind), (ours, rule.ctrace)):
        changed = {}
        for stack, counters in table.items():
            new_stack, new_counters = stack_rule(list(stack), list(counters)) if stack_rule else (stack, counters)
            add(changed, tuple(new_stack), new_counters)
        tables.append(changed)
    check(not must or tables != [theirs, ours], f"rule {name} changes nothing here: leave it out")
    return tables


def describe(stack):
    return " < ".join(f"{function} ({place})" for function, place in stack)


def differences(theirs, ours):
    """Lines that describe the remaining differences, largest first."""
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
    """Compare both tools on one command."""
    theirs, ours = run_valgrind(context, command), run_ctrace(context, command)
    check_equal(ours.output, theirs.output, "the program's output, traced and under Valgrind")
    tables = [theirs.table, ours.table]
    for name in command.rules:
        tables = apply_rule(name, *tables)
    for name in command.may:
        tables = apply_rule(name, *tables, must=False)
    check_same(*tables, command.name)
    check(len(tables[0]) >= command.sites, f"only {len(tables[0])} stacks were compared, wanted {command.sites}")


def needs():
    return (shutil.which("valgrind") or "valgrind", "nm", "readelf")
