# SPDX-License-Identifier: MIT
"""Valgrind's memcheck and CTRACE_REACH on the same command: how each classifies the blocks that are live at the end."""

import json
import os
import re

from lib import oracle
from lib.harness import CTRACE, Skip, check, check_equal

TLS_ENTRY_BYTES = 16
# The variables that memcheck sets and that we read are set on both sides, since programs copy their environment.
ENVIRONMENT = dict(CTRACE_REACH=1, GLIBCPP_FORCE_NEW=1, GLIBCXX_FORCE_NEW=1)
CLASSES = ("lost", "indirect", "possible", "reachable")
OPTIONS = [
    "--leak-check=full",
    "--show-leak-kinds=all",
    "--num-callers=100",
    "--show-below-main=yes",
    "--leak-resolution=high",
    # The C library's own blocks stay live at the end, as without Valgrind.
    "--run-libc-freeres=no",
    "--run-cxx-freeres=no",
]
SUMMARY = dict(zip(CLASSES, ("definitely lost", "indirectly lost", "possibly lost", "still reachable")))
RECORD = re.compile(r"^==\d+== ([\d,]+)(?: \(([\d,]+) direct, [\d,]+ indirect\))? bytes in ([\d,]+) blocks are (.*) in loss record")
FRAME = re.compile(r"^==\d+==    (?:at|by) 0x\w+: ([^\s(]+)")


def _number(text):
    return int(text.replace(",", ""))


def _add(table, key, size, blocks):
    before = table.get(key, (0, 0))
    table[key] = before[0] + size, before[1] + blocks


class Leaks:
    """
    sums: bytes and blocks by class. rows: the same by (class, those functions of the stack that the filter accepts).
    tables: the rows that are TLS tables of threads. These have an entry for each module, and ctrace adds a module.
    """

    def __init__(self):
        self.sums = dict.fromkeys(CLASSES, (0, 0))
        self.rows, self.tables = {}, {}

    def add(self, kind, stack, size, blocks, wanted):
        if not blocks:
            return
        _add(self.sums, kind, size, blocks)
        # The loader keeps an address in this block, rounded up to 64, which is its start or not by chance.
        if "_dl_find_object_update" in stack:
            return
        table = self.tables if "_dl_allocate_tls" in stack else self.rows
        _add(table, (kind, tuple(name for name in stack if wanted(name))), size, blocks)


def run_valgrind(context, command, wanted=lambda name: True, *options):
    words = [oracle.valgrind(), *OPTIONS, *options, *command.words()]
    result = context.run(words, env=oracle.environment(context, **ENVIRONMENT), stdin=command.stdin).check()
    leaks, record, stack = Leaks(), None, []
    kinds = {words: kind for kind, words in SUMMARY.items()}
    for line in result.stderr.splitlines() + [""]:
        found, frame = RECORD.match(line), FRAME.match(line)
        if record and not frame:
            leaks.add(*record[:1], stack, *record[1:], wanted)
            record, stack = None, []
        if found:
            whole, direct, blocks, words = found.groups()
            record = kinds[words], _number(direct or whole), _number(blocks)
        elif frame and record:
            stack.append(frame[1])
    told = re.findall(r"^==\d+== +(\w+ \w+): ([\d,]+) bytes in ([\d,]+) blocks", result.stderr, re.M)
    told = {kinds[name]: (_number(size), _number(blocks)) for name, size, blocks in told if name in kinds}
    if told:
        check_equal(leaks.sums, told, "Valgrind's summary and its records")
    else:
        check("All heap blocks were freed" in result.stderr, "no summary of Valgrind: " + result.stderr)
    return leaks


def of_report(context, path, wanted=lambda name: True):
    """The classes of a report. Their sum must be what is live at the end."""
    data = json.loads(context.run([CTRACE, "export", "-f", "json", "-o", "-", path]).check().stdout)
    leaks = Leaks()
    for site in data["sites"]:
        stack = [data["frames"][i].get("function", "???").split("(")[0] for i in site["stack"]]
        for unit in ("Bytes", "Blocks"):
            check_equal(sum(site[kind + unit] for kind in CLASSES), site["end" + unit], f"{unit} of all classes at {stack}")
        for kind in CLASSES:
            leaks.add(kind, stack, site[kind + "Bytes"], site[kind + "Blocks"], wanted)
    return leaks


def run_ctrace(context, command, wanted=lambda name: True):
    env = oracle.ctrace_environment(context, "plugin_a.so", "memcheck", **ENVIRONMENT)
    context.run(command.words(), env=env, stdin=command.stdin).check()
    if os.path.exists(context.path("c.json.store")):
        raise Skip(f"a {command.words()[0]} without Landlock, which forbids to read its memory at the end")
    return of_report(context, context.path("c.json"), wanted)


def check_same(theirs, ours):
    for key in sorted(set(theirs.rows) | set(ours.rows), key=str):
        check_equal(ours.rows.get(key), theirs.rows.get(key), f"bytes and blocks of {key}")
    check_equal(sorted(ours.tables), sorted(theirs.tables), "tables of TLS")
    for key, (size, blocks) in ours.tables.items():
        more = size - theirs.tables[key][0]
        check(blocks == theirs.tables[key][1] and more > 0 and more % (TLS_ENTRY_BYTES * blocks) == 0, f"tables of TLS {key}: {more} more")
