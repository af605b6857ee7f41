# SPDX-License-Identifier: MIT
"""Valgrind's DHAT as the oracle: every site's totals, values at the peak and values at the end are equal to the byte."""

import copy

from lib import commands, oracle
from lib.harness import Failure, check_caught, check_equal, test


def _register(command):
    def run(context):
        oracle.compare(context, command)

    run.__name__ = command.name
    test(needs=oracle.needs() + tuple(command.needs))(run)


for _command in commands.COMMANDS:
    _register(_command)


@test(needs=oracle.needs())
def valgrind_repeats_itself(context):
    """Two runs of Valgrind are equal, so the command is deterministic and the matching loses nothing."""
    for name in ("sqlite3", "perl", "cxx"):
        command = commands.by_name(name)
        first, second = oracle.run_valgrind(context, command), oracle.run_valgrind(context, command)
        oracle.check_same(first.table, second.table, name)


@test(needs=oracle.needs())
def seeded_differences(context):
    """The comparison must notice one byte, block or stack too many, and a rule that is not needed."""
    table = oracle.run_valgrind(context, commands.by_name("sites")).table
    oracle.check_same(table, copy.deepcopy(table), "a copy")
    for column, name in enumerate(oracle.COMPARED):
        changed = copy.deepcopy(table)
        next(iter(changed.values()))[column] += 1
        check_caught(lambda: oracle.check_same(table, changed, name), Failure, "1 of", name)
    missing = dict(table)
    missing.popitem()
    check_caught(lambda: oracle.check_same(table, missing, "x"), Failure, "ctrace None", "a stack is missing")
    stack, counters = table.popitem()
    moved = dict(table)
    oracle.add(moved, stack[1:], counters)
    oracle.add(table, stack, counters)
    check_caught(lambda: oracle.check_same(table, moved, "x"), Failure, "2 of", "a frame is missing")
    check_caught(lambda: oracle.apply_rule("no_clone3", table, table), Failure, "changes nothing", "a stale rule")
    check_equal(sum(row[0] for row in moved.values()), sum(row[0] for row in table.values()), "bytes in the moved table")
