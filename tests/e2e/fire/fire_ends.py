# SPDX-License-Identifier: MIT
"""Ways to die: output (with the addresses of blocks) and status are the same, and the report has every block."""

import re
import signal

from lib import dhat, trace
from lib.fire import SAMPLED, clear, run_both
from lib.harness import CTRACE, check, check_equal, check_in, program, test

BEFORE = (10000, 10, 10000, 10, 10000, 10, 4000, 4)

IN_ORDER = {
    ("exit",): 3,
    ("_exit",): 4,
    ("_Exit",): 5,
    ("quick_exit",): 6,
    ("return",): 8,
    ("pthread_exit",): 9,
    ("thread",): 11,
    ("SIGTERM", "handled"): 20 + signal.SIGTERM,
    ("SIGINT", "handled"): 20 + signal.SIGINT,
}
DEATHS = {
    ("abort",): -signal.SIGABRT,
    ("SIGKILL",): -signal.SIGKILL,
    ("SIGTERM",): -signal.SIGTERM,
    ("SIGINT",): -signal.SIGINT,
    ("SIGSEGV",): -signal.SIGSEGV,
    ("overflow",): -signal.SIGSEGV,
    ("exhaust",): -signal.SIGABRT,
    ("raw",): 12,
}


@test()
def in_order(context):
    for how, status in IN_ORDER.items():
        result = run_both(context, [program("ends"), *how]).check(status)
        report = trace.reports(context)[result.pid]
        trace.check_below(report, "before_end", BEFORE)
        check(report.own["ended"], f"{how}: the report says that the program was killed")
    return f"{len(IN_ORDER)} ways"


@test()
def addresses(context):
    """Heap addresses are the same in each way of recording, and if the store cannot be made."""
    for changes in SAMPLED + ({"CTRACE_DEBUG": "no-find-object"}, {"CTRACE_DEBUG": "verify"}, {"CTRACE_OUT": "/dev/null/x", "TMPDIR": "/no/such"}):
        run_both(context, [program("ends"), "return"], **changes).check(8)


@test()
def deaths(context):
    """The store has everything up to the last event."""
    for how, status in DEATHS.items():
        run_both(context, [program("ends"), *how], stores=True).check(status)
        report = trace.export_left_store(context)
        wanted = BEFORE[:4] if how == ("exhaust",) else BEFORE  # whose peak comes later
        trace.check_below(report, "before_end", wanted)
        check(not report.own["ended"], f"{how}: the report does not say that the program was killed")
    return f"{len(DEATHS)} ways"


@test(needs=("valgrind",))
def under_valgrind(context):
    """
    Valgrind ends a program that asks for a child in a way that it does not know, and lets a stack grow only down to the
    stack pointer. The program must not notice, and a line says that there is no exporter.
    """
    # The malloc of Valgrind's memcheck takes the place of ours, so nothing is recorded there.
    for tool, words, function, blocks in (
        ("none", ["deep", 3000], "deep_leaf", 2),
        ("none", ["ends", "exit"], "before_end", 10),
        ("memcheck", ["deep", 300], "deep_leaf", 0),
    ):
        for changes in ({}, {"CTRACE_REACH": 1}):
            command = ["valgrind", "-q", f"--tool={tool}", program(words[0]), *words[1:]]
            result = run_both(context, command, stores=True, CTRACE_QUIET=0, **changes)
            check_in("no exporter is started under Valgrind", result.stderr, "stderr")
            check_equal(len(result.stderr.splitlines()), 1 + len(changes), f"lines on stderr: {result.stderr}")
            if not blocks:
                continue
            # Valgrind's own start leaves stores, too.
            (said,) = re.findall(r"ctrace export (\S+)", result.stderr)
            context.run([CTRACE, "export", "-o", context.path("valgrind.json"), said]).check()
            report = dhat.check_file(context.path("valgrind.json"))
            check_equal(report.below(function)["tbk"], blocks, f"{words}: blocks below {function}")


@test()
def exec_over_itself(context):
    """The new image has the same pid: it makes the old image's report too, and its own has the next free name."""
    result = run_both(context, [program("ends"), "exec"]).check(8)
    new = dhat.check_file(context.path(f"out.{result.pid}.{result.pid}.json"))
    old = dhat.check_file(context.path(f"out.{result.pid}.json"))
    for report, ended in ((old, False), (new, True)):
        check_equal((report.data["pid"], report.own["ended"]), (result.pid, ended), "pid, and the end")
        trace.check_below(report, "before_end", BEFORE)


@test(needs="qemu-x86_64")
def under_qemu(context):
    """qemu's emulation of processes refuses our child. The status stays, the store is whole, and one line names it."""
    for words, function, blocks in ((["ends", "exit"], "before_end", 10), (["deep", "3000"], "deep_leaf", 2)):
        arguments = ["qemu-x86_64", program(words[0]), *words[1:]]
        plain = context.run(arguments)
        variables = trace.environment(context)
        variables["CTRACE_QUIET"] = "0"
        variables["QEMU_SET_ENV"] = ",".join(f"{name}={variables[name]}" for name in ("LD_PRELOAD", "CTRACE_OUT", "CTRACE_QUIET"))
        del variables["LD_PRELOAD"]
        result = context.run(arguments, env=variables)
        check_equal((result.status, result.stdout), (plain.status, plain.stdout), f"{words}: status and output")
        (line,) = result.stderr.splitlines()
        check_in("the system or an emulator has refused to start an exporter", line, f"{words}: the line")
        report = trace.export_left_store(context)
        check_equal(report.below(function)["tbk"], blocks, f"{words}: blocks below {function}")
        clear(context)
