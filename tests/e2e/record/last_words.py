# SPDX-License-Identifier: MIT
"""What a program prints is out before its report is written."""

import os

from lib import fire, trace
from lib.harness import CTRACE, check, check_equal, program, test

WORDS = "the last words of %s\n"


def _seen_by_exporter(context, how):
    """Run prints with stdout in a file, through an exporter that first keeps a copy of that file. Returns the copy and the output."""
    script = context.write("exporter", f'#!/bin/sh\ncat {context.path("out")} > {context.path("seen")}\nexec {CTRACE} "$@"\n')
    os.chmod(script, 0o755)
    with open(context.path("out"), "w+b") as out:
        context.run([program("prints"), how], env=trace.environment(context, CTRACE_BIN=script), stdout_file=out).check(3)
    with open(context.path("seen"), "rb") as seen, open(context.path("out"), "rb") as out:
        return seen.read().decode(), out.read().decode()


@test()
def before_the_export(context):
    """exit writes what stdout holds before the exporter runs; _exit and quick_exit drop it, as without ctrace."""
    for how, wanted in (("exit", WORDS % "exit"), ("_exit", ""), ("quick_exit", ""), ("closed", WORDS % "closed"), ("replaced", WORDS % "replaced")):
        check_equal(_seen_by_exporter(context, how), (wanted, wanted), f"{how}: output when the export began, and in the end")


@test()
def no_waiting(context):
    """Another thread holds stdout's lock for ever: exit ends as without ctrace, and so does the output."""
    if os.confstr("CS_GNU_LIBC_VERSION") < "glibc 2.4":  # later versions wait for the lock themselves
        seen, out = _seen_by_exporter(context, "locked")
        check_equal((seen, out), ("", WORDS % "locked"), "output when the export began, and in the end")


@test()
def same_as_without(context):
    for how in ("exit", "_exit", "quick_exit", "closed", "replaced"):
        fire.run_both(context, [program("prints"), how]).check(3)


@test()
def no_reader(context):
    """stdout is a pipe without a reader. SIGPIPE comes, but after the report was written."""
    for how, status in (("exit", -13), ("handled", 3)):
        reader, writer = os.pipe()
        os.close(reader)
        plain = context.run([program("prints"), how], stdout_file=writer)
        traced = context.run([program("prints"), how], env=trace.environment(context), stdout_file=writer)
        os.close(writer)
        check_equal((traced.status, traced.stderr), (plain.status, plain.stderr), f"{how}: status, stderr")
        check_equal(traced.status, status, f"{how}: status")
        check(traced.pid in trace.reports(context), f"{how}: no report")
