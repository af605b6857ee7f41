# SPDX-License-Identifier: MIT
"""
Under fire: whatever a program does, and whatever fails, it runs as without us. Each program of tests/programs/fire_*
prints the same, and ends the same, with the library and without it, and leaves a readable store or report.
"""

import glob
import os

from lib import trace
from lib.harness import CTRACE, LIBRARY, check, check_equal, program, test

STRESS = int(os.environ.get("CTRACE_STRESS", "1"))  # make stress: how many times longer
SECONDS = 20  # for a program that needs less than one


def clear(context):
    for path in glob.glob(context.path("out.*")):
        os.remove(path)


def run_both(context, command, seconds=SECONDS, stores=False, preload=LIBRARY, **changes):
    """Without the library, then with it: the same output, the same status. The traced run's result."""
    plain = context.run(command, timeout=seconds)
    env = trace.environment(context)
    env.update({name: str(value) for name, value in changes.items()})
    env["LD_PRELOAD"] = preload
    traced = context.run(command, env=env, timeout=seconds * STRESS + SECONDS)
    what = " ".join(os.path.basename(str(word)) for word in command)
    check_equal((traced.status, traced.stdout), (plain.status, plain.stdout), what + ": status and output")
    left = sorted(glob.glob(context.path("*.store")))
    check(stores or not left, f"{what}: left {left}")
    for store in left[:: len(left) // 10 + 1]:
        info = context.run([CTRACE, "info", store])
        check(info.status == 0, f"{what}: {[line for line in info.stdout.splitlines() if 'FAILED' in line]} {info.stderr}")
    clear(context)
    return traced


def run_all(context, table, **changes):
    for words in table:
        run_both(context, [program(words[0])] + [str(word) for word in words[1:]], CTRACE_EXPORT=0, stores=True, **changes)


SAMPLED = ({}, {"CTRACE_SAMPLE": "4k"})


@test()
def fork_among_threads(context):
    rounds = 2000 * STRESS
    for turn in range(rounds // 250):
        command = [program("fire_forks"), "busy", 250]
        run_both(context, command, CTRACE_EXPORT=0, stores=True, **SAMPLED[turn % 2])
    return f"{rounds} forks"


@test()
def fork_at_bad_moments(context):
    """In a signal handler that interrupts a hook; with a lock of the C library held by a thread that waits for us."""
    for changes in SAMPLED:
        run_all(context, [("fire_forks", "handler", 60 * STRESS), ("fire_forks", "stream", 20), ("fire_forks", "vfork", 3)], **changes)


@test()
def jumps_out_of_hooks(context):
    for changes in SAMPLED:
        run_all(context, [("fire_jumps", how, 50 * STRESS) for how in ("timer", "alloc")] + [("fire_jumps", "overflow", 3)], **changes)


@test()
def descriptor_2(context):
    """The program's own file by the time recording stops, or a pipe that nobody reads: no line of ours, no SIGPIPE."""
    own = context.path("own")
    for limit in (700_000, 1_200_000):
        for words in (["file", own], ["pipe"]):
            command = ["prlimit", f"--fsize={limit}", program("fire_stderr")] + words
            run_both(context, command, CTRACE_EXPORT=0, CTRACE_QUIET=0, stores=True)
            check(words == ["pipe"] or os.path.getsize(own) == 0, "the program's file has a line of ours")


@test()
def plugins_without_end(context):
    """Each unload makes void what was read of code; neither memory nor mappings may pile up."""
    for changes in SAMPLED:
        run_both(context, [program("fire_plugins"), program("plugin_a.so"), 2500 * STRESS], **changes)
