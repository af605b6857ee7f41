# SPDX-License-Identifier: MIT
"""CTRACE_SAMPLE gives unbiased estimates, compared with an exact recording of the same program."""

import math
import re
import statistics

from lib import trace
from lib.harness import CTRACE, CTRACE_TOP, LIBRARY, PYTHON, check, check_equal, program, test

RUNS = 100
ERRORS = 6  # standard errors: no false alarm in 20,000 simulated tests


def sums(report):
    return {key: sum(site[key] for site in report.sites) for key in ("tb", "tbk", "gb", "gbk", "eb", "ebk")}


def check_mean(values, truth, what):
    error = statistics.stdev(values) / math.sqrt(len(values))
    mean = statistics.mean(values)
    check(error < truth / 20, f"{what}: {error:.0f} is too much scatter around {truth} to show anything")
    check(abs(mean - truth) <= ERRORS * error, f"{what}: mean {mean:.1f} +- {error:.1f}, exact {truth}")


@test()
def without_bias(context):
    """An empty block, if sampled, stands for as many blocks as the interval has bytes, so only a short one shows their number."""
    command = [program("sizes")]
    truth = sums(trace.one(context, command))
    for interval, keys in ((64, truth), (8192, ("tb", "gb", "eb"))):
        samples = [sums(trace.one(context, command, CTRACE_SAMPLE=interval)) for _ in range(RUNS)]
        for key in keys:
            check_mean([sample[key] for sample in samples], truth[key], f"{key}, interval {interval}")


@test()
def small_interval(context):
    """Nearly every block has a sampled point."""
    truth = sums(trace.one(context, [program("sizes")]))
    sample = sums(trace.one(context, [program("sizes")], CTRACE_SAMPLE=1))
    for key, exact in truth.items():
        check(abs(sample[key] - exact) < exact / 20, f"{key}: {sample[key]}, exact {exact}")


@test()
def frees_are_matched(context):
    """Blocks that the program frees are not live any more, even if freed by other threads or after realloc."""
    for name in ("threads", "sites"):
        exact = sums(trace.one(context, [program(name)]))
        for _ in range(5):
            sample = trace.one(context, [program(name)], CTRACE_SAMPLE=512)
            check_equal(sample.losses["unknownFrees"], 0, f"{name}: unknown frees")
            check(sums(sample)["ebk"] <= 4 * exact["ebk"] + 2000, f"{name}: blocks live at the end: {sums(sample)}")


@test(needs=(PYTHON,))
def resized_blocks(context):
    """A sampled block is found again after small resizes, so lists that grew and were freed are not live."""
    command = [PYTHON, "-S", "-c", "for i in range(10):\n  xs = [[] for _ in range(2000)]\n  for j in range(30):\n    for x in xs: x.append(j)"]
    exact = sums(trace.one(context, command, PYTHONMALLOC="malloc"))
    interval = 2048
    sample = sums(trace.one(context, command, PYTHONMALLOC="malloc", CTRACE_SAMPLE=interval))
    most = 2 * exact["eb"] + 10 * interval  # any live byte may be sampled, and then stands for so many
    check(exact["tb"] > 100 * most, f"too much is live at the end: {exact}")
    check(sample["eb"] < most, f"the sample {sample}, in truth {exact}")


@test()
def said(context):
    out = context.path("out.json")
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=out, CTRACE_SAMPLE="4k")
    result = context.run([program("sizes")], env=env).check()
    check(" (sampled, mean interval 4.00 KiB)\n" in result.stderr, result.stderr)
    top = context.run([CTRACE_TOP, out]).check().stdout
    check("sampled, mean interval 4.00 KiB: the numbers are estimates" in top, top)
    check(re.search(r"^own cost  [1-9][0-9.]* [KM]iB of memory, taken by ctrace$", top, re.M), top)
    check_equal(context.run([CTRACE, "info", out]).check().stdout.count("sampled"), 1, "lines of ctrace info")


@test()
def by_flag(context):
    out = context.path("out.json")
    context.run([CTRACE, "record", "-q", "--sample", "4k", "-o", out, program("sizes")]).check()
    check_equal(trace.reports(context, "out.json").popitem()[1].data["ctrace"]["sampleBytes"], 4096, "interval")


@test()
def refused(context):
    for value, why in (("none", "a number of bytes"), ("1x", "a number of bytes"), ("k", "a number of bytes"), ("1g", "at most 128m")):
        env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_SAMPLE=value)
        result = context.run([program("sizes")], env=env).check()
        check(f"CTRACE_SAMPLE={value} is not {why}" in result.stderr, f"{value}: {result.stderr}")
    result = context.run([CTRACE, "record", "--sample", "1x", program("sizes")])
    check_equal(result.status, 2, "status")
    check("--sample 1x: not a number of bytes" in result.stderr, result.stderr)
