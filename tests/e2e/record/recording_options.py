# SPDX-License-Identifier: MIT
"""What is recorded only on request: threads kept separate, resident memory."""

import json
import re

from lib import trace
from lib.formats import Recording
from lib.harness import PYTHON, check, check_equal, check_in, program, test

# Resident memory is read once in each bucket of the timeline. The pauses leave a bucket only a few steps.
GROWS = trace.AGE + """
kept = []
for i in range(60):
    kept.append(bytearray(1 << 20))
    for j in range(300): bytearray(1000)
    time.sleep(age() / 128)
"""
THREAD = re.compile(r"^\[thread (\d+) (.*)\]$")
SCRIPT = """
import ctypes, threading
libc = ctypes.CDLL(None)
def work(number):
    libc.prctl(15, ("worker%d" % number).encode(), 0, 0, 0)  # PR_SET_NAME
    for i in range(1000 * number):
        bytearray(1000)
for number in (1, 2, 3):
    thread = threading.Thread(target=work, args=(number,))
    thread.start()
    thread.join()
"""


def by_thread(report):
    """The sums of each thread's sites, by the thread's number and name."""
    sums = {}
    for site in report.sites:
        found = THREAD.match(site.frames[-1].text)
        check(found, f"a stack without thread: {site.frames}")
        check(not site.cut, "a thread's root is no cut")
        key = int(found[1]), found[2]
        sums[key] = sums.get(key, 0) + site["tb"]
    return sums


@test(needs=PYTHON)
def threads(context):
    sums = by_thread(trace.one(context, [PYTHON, "-c", SCRIPT], CTRACE_THREADS=1))
    check_equal([number for number, _ in sorted(sums)], [1, 2, 3, 4], "threads")
    sizes = {name: size for (_, name), size in sums.items()}
    for number in (1, 2, 3):
        blocks = sizes[f"worker{number}"] / 1000
        check(1000 * number <= blocks < 1000 * number + 900, f"worker{number}: about {blocks} blocks")
    whole = trace.one(context, [PYTHON, "-c", SCRIPT])
    check_equal([site for site in whole.sites if THREAD.match(site.frames[-1].text)], [], "threads without CTRACE_THREADS")


@test()
def many_threads(context):
    """Each thread has its own number, forked children continue the numbering, and stacks equal libunwind's."""
    report = trace.one(context, [program("fire_threads"), "short", "300"], CTRACE_THREADS=1)
    check(len(by_thread(report)) >= 300, f"{len(by_thread(report))} threads")
    env = trace.environment(context, CTRACE_THREADS=1, CTRACE_DEBUG="verify", CTRACE_EXPORT=0)
    result = context.run([program("threads")], env=env).check()
    check_in("different 0;", result.stderr, "compared with libunwind")
    context.run([program("children"), "fork"], env=trace.environment(context, CTRACE_THREADS=1))
    found = trace.reports(context, stores=None)
    check(len(found) > 1, "no child has a report")
    for report in found.values():
        by_thread(report)


@test(needs=PYTHON)
def resident_memory(context):
    recording = Recording(context, [PYTHON, "-c", GROWS], CTRACE_RSS=1)
    own = recording.report.own
    live, resident = [row[2] for row in own["timeline"]], own["rss"]
    check_equal(len(resident), len(live), "numbers of resident memory")
    # bytearray(n) touches all of its memory.
    check(55 << 20 <= max(resident) - min(filter(None, resident)) <= 70 << 20, f"resident memory grows to {max(resident)}")
    peak = live.index(max(live))
    apart = sorted(abs((resident[peak] - resident[i]) - (live[peak] - live[i])) for i in range(peak) if resident[i])
    check(apart[len(apart) // 2] < 8 << 20, "resident memory does not follow what is live")
    with open(recording.export("chrometrace"), encoding="utf-8") as file:
        events = [event for event in json.load(file)["traceEvents"] if event["name"] == "resident bytes"]
    check_equal([event["args"]["bytes"] for event in events], resident, "resident memory in the trace")
    plain = Recording(context, [PYTHON, "-c", "pass"], "plain").report
    check("rss" not in plain.own, "resident memory without CTRACE_RSS")
