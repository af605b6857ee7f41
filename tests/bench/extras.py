# SPDX-License-Identifier: MIT
"""Measurements that are not ratios: the time to start, to export, to show."""

import os
import random
import statistics
import subprocess
import time

from lib.harness import CTRACE, CTRACE_TOP, LIBRARY, base_environment
from tools import BENCH

STARTS = 20


def _seconds(words, **changes):
    begin = time.monotonic()
    subprocess.run(words, env={**base_environment(), **changes}, capture_output=True, timeout=600, check=True)
    return time.monotonic() - begin


def _traced(folder, export):
    out = os.path.join(folder, "%p.json")
    return {"LD_PRELOAD": LIBRARY, "CTRACE_OUT": out, "CTRACE_EXPORT": export, "CTRACE_QUIET": "1"}


def start(folder, _rounds):
    """The time that `true` takes more than without ctrace, in s."""
    ways = {"native": {}, "no export": _traced(folder, "0"), "export": _traced(folder, "1")}
    seconds = {way: [] for way in ways}
    draw = random.Random(1)
    for _ in range(STARTS):
        for way in draw.sample(list(ways), len(ways)):
            seconds[way].append(_seconds(["true"], **ways[way]))
    medians = {way: statistics.median(times) for way, times in seconds.items()}
    native = medians.pop("native")
    return {f"`true` with ctrace, {way}, additional time": median - native for way, median in medians.items()}


def _store(folder, sites):
    """The store of a program with this many sites of two blocks each."""
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))
    _seconds([os.path.join(BENCH, "pairs"), "sites", str(2 * sites), f"sites={sites}"], **_traced(folder, "0"))
    (name,) = os.listdir(folder)
    return os.path.join(folder, name)


def export(folder, rounds):
    """The time from the end of a program to its report."""
    store = _store(folder, 10000)
    return {"report of 10,000 sites": statistics.median(_seconds([CTRACE, "export", store]) for _ in range(rounds))}


def top(folder, rounds):
    store = _store(folder, 100000)
    subprocess.run([CTRACE, "export", store], capture_output=True, check=True)
    report = store.removesuffix(".store")
    return {"ctrace-top of 100,000 sites": statistics.median(_seconds([CTRACE_TOP, report]) for _ in range(rounds))}


EXTRAS = {"start": start, "export": export, "top": top}
