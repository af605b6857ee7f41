# SPDX-License-Identifier: MIT
"""make bench measures, and notices programs that behave differently under a tool."""

import json
import os
import random
import re
import sys

from lib import trace
from lib.harness import BUILD, PYTHON, ROOT, check, check_equal, check_in, test

BENCH = os.path.join(ROOT, "tests", "bench", "bench")


def _bench(context, *options, status=0):
    """Run the bench; returns the table's rows as {first cell: other cells}, and everything that was printed."""
    environment = context.environment(B=BUILD, TMPDIR=context.make_folder("tmp"))
    result = context.run([PYTHON, BENCH, "--rounds", "1", *options], env=environment).check(status)
    check_equal(os.listdir(context.path("tmp")), [], "temporary files left behind")
    rows = {}
    for line in result.stdout.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if cells:
            rows.setdefault(cells[0], []).append(cells[1:])
    return rows, result.stdout


@test()
def table(context):
    """CPU, memory and ns of one micro program, with the same numbers in the files."""
    output, samples = context.path("bench.md"), context.path("bench.json")
    options = ("--scale", "0.02", "--tools", "shim,ctrace", "--only", "^depth-20$", "--output", output, "--json", samples)
    rows, text = _bench(context, *options)
    check_equal(rows[""], [["native", "call-through shim", "ctrace"]], "columns")
    check_equal(len(rows["depth-20"]), 4, "rows of the workload: CPU, instructions, memory, ns")
    for native, *others in rows["depth-20"]:
        check(re.fullmatch(r"[\d.]+ (s|million|MiB|ns)", native), f"native: {native}")
        check(all(re.fullmatch(r"[+-]?[\d.]+", cell) for cell in others), f"not numbers: {others}")
    check(1.3 < float(rows["depth-20"][1][2]) < 2.5, f"instructions: {rows['depth-20'][1]}")
    check(float(rows["depth-20"][2][2]) > 1, "ctrace takes no memory")
    check(rows["CPU added to a pair, 20 frames"][0][2] in ("met", "missed"), "goal")
    with open(output, encoding="utf-8") as file:
        check_equal(file.read(), text, "--output")
    with open(samples, encoding="utf-8") as file:
        data = json.load(file)
    check_equal(sorted(data["pairs"]["depth-20"]), ["ctrace", "shim"], "tools in --json")
    (pair,) = data["pairs"]["depth-20"]["ctrace"]
    for sample in pair["tool"], pair["native"]:
        check_equal(sample["pairs"], 40000, "pairs")
        check(0 < sample["pairs_cpu_ns"] <= sample["cpu_s"] * 1e9 * 1.05, f"CPU: {sample}")


@test()
def intervals(context):
    """The interval of a median, checked by drawing; when a ratio is settled."""
    sys.path.insert(0, os.path.dirname(BENCH))
    import interval

    check_equal(interval.bounds([1, 2, 3, 4, 5]), None, "five values")
    check_equal(interval.bounds([6, 1, 5, 2, 4, 3]), (1, 6), "six values")
    draw = random.Random(1)
    for count in (6, 9, 20, 41):
        hits = 0
        for _ in range(2000):
            low, high = interval.bounds([draw.random() for _ in range(count)])
            hits += low <= 0.5 <= high
        check(1880 <= hits < 2000, f"{count} values: {hits} of 2000 intervals have the median")
    check(interval.is_settled([1.0, 1.01, 1.02, 1.03, 1.04, 1.05]), "within 3 %")
    check(not interval.is_settled([1.0, 1.01, 1.02, 1.03, 1.04, 1.08]), "not within 3 %")


@test()
def violations(context):
    """Other output, other status, a crash, an endless run, an untraced program: each is reported, and the exit code is 1."""
    _, text = _bench(context, "--seeded", "--limit", "10", "--tools", "ctrace", status=1)
    for line in (
        "ctrace: output differs from native's in other-output",
        "ctrace: status 3 instead of 0 in other-status",
        "ctrace: still running after 10 s in hanging",
        "ctrace: crashed (SIGSEGV) in crashing",
        "ctrace: recorded nothing in unseen",
    ):
        check_in("\n- " + line + "\n", text, "report")


@test()
def sites(context):
    """The programs have the sites that the measurement needs."""
    report = trace.one(context, [os.path.join(BUILD, "tests", "bench", "pairs"), "sites", "2000", "sites=1000", "depth=10"])
    check_equal(report.below("take")["tbk"], 2000, "blocks")
    check_equal(len(report.sites), 1001, "sites, the one of stdout with them")
