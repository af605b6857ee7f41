# SPDX-License-Identifier: MIT
"""Under fire: signals may come at any time, and interrupt the same calls as without us."""

import os
import re

from lib import dhat
from lib.fire import SAMPLED, STRESS, run_both
from lib.harness import PYTHON, check, check_equal, program, test


@test()
def interrupted_calls(context):
    """nanosleep, poll, read and sem_wait end with EINTR as they do without us, with and without SA_RESTART."""
    for changes in SAMPLED:
        result = run_both(context, [program("fire_signals"), "interrupted"], CTRACE_EXPORT=0, stores=True, **changes)
        check_equal(result.stdout.count("Interrupted system call"), 6, f"interrupted calls in {result.stdout}")


@test()
def profiled_at_1_khz(context):
    """The handler of SIGPROF allocates on an alternate stack, while threads do little else than allocate."""
    rounds = 40000 * STRESS
    signals = 0
    for changes in SAMPLED:
        command = [program("fire_signals"), "profile", rounds]
        result = run_both(context, command, CTRACE_OUT=context.path("kept.json"), **changes)
        came = int(re.match(r"(\d+) signals", result.stderr).group(1))
        signals += came
        report = dhat.check_file(context.path("kept.json"), lossless=False)
        # A handler that interrupts malloc or free loses one allocation and one free.
        check(sum(report.losses.values()) == report.losses["dropped"] <= 2 * came, f"lost: {report.losses}")
        os.remove(context.path("kept.json"))
        if not changes:
            frames = sum(i % 40 + 1 for i in range(rounds))
            check_equal(sum(site["tbk"] for site in report.leaf("work")), 2 * frames, "blocks of the threads")
        check(came >= 100, f"only {came} signals came")
    return f"{signals} signals"


PROFILED = """
import json, signal
ticks = 0
def tick(number, frame):
    global ticks
    ticks += len(str(frame.f_lineno)) > 0
signal.signal(signal.SIGPROF, tick)
signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
value = [{"key": str(i), "list": list(range(i % 30))} for i in range(20000)]
for i in range(5):
    value = json.loads(json.dumps(value))
while ticks <= 20:
    str(ticks)
signal.setitimer(signal.ITIMER_PROF, 0)
print(len(value), sum(len(row["list"]) for row in value), ticks > 20)
"""


@test(needs=PYTHON)
def python_profiled(context):
    result = run_both(context, [PYTHON, "-c", PROFILED])
    check_equal(result.stdout, "20000 289900 True\n", "stdout")
