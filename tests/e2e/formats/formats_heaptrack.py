# SPDX-License-Identifier: MIT
"""heaptrack's format: synthetic allocations, whose sums are those of the report."""

import gzip
import itertools
import json
import os
import random
import re

from lib import dhat, display, formats, heaptrack
from lib.harness import CTRACE, ROOT, check, check_caught, check_equal, check_in, program, test
from lib.heaptrack import COSTS, Heaptrack

COLOURS = 400  # without a file the window has fewer

POINT = dict.fromkeys(("tb", "tbk", "tl", "mb", "mbk", "gb", "gbk", "eb", "ebk", "tmpk", "rszk"), 0)


def _made(recording):
    """heaptrack's programs choose the format by the file's name."""
    path = recording.export("heaptrack")
    os.rename(path, path + ".gz")
    return path + ".gz"


def _frame_name(frame):
    """The whole name of a frame, or its object file if it has no name."""
    return frame.function if frame.function != "???" else frame.module


def _by_stack(report, key):
    sums = {}
    for site in report.sites:
        if site[key]:
            stack = tuple(_frame_name(frame) for frame in reversed(site.frames))
            sums[stack] = sums.get(stack, 0) + site[key]
    return sums


@test(needs=("heaptrack_print",))
def heaptrack_sums(context):
    """Calls, temporary allocations, peak and leaks as in heaptrack_print, and everything in the file, stack by stack."""
    sites = lambda _: formats.Recording(context, [program("sites")], "sites")
    for make in (*formats.RECORDINGS, sites):
        recording = make(context)
        report, path = recording.report, _made(recording)
        played = Heaptrack(path)
        check_equal((played.command, played.peak), (report.data["cmd"], report.total("gb")), "command and peak")
        check_equal((played.peak_time, played.time), (report.data["tg"] // 1000, report.data["te"] // 1000), "times")
        for cost, key in (*COSTS.items(), ("bytes", "tb"), ("peak blocks", "gbk"), ("end blocks", "ebk")):
            check_equal(dict(played.costs[cost]), _by_stack(report, key), f"{cost} by stack")
        for cost, key in COSTS.items():
            check_equal(heaptrack.printed_sum(context, path, cost), report.total(key), "heaptrack_print: " + cost)
        text = heaptrack.printed(context, path)
        check_in(f"calls to allocation functions: {report.total('tbk')} (", text, "heaptrack_print")
        check_in(f"temporary memory allocations: {report.total('tmpk')} (", text, "heaptrack_print")


@test(needs=("heaptrack_print",))
def heaptrack_of_reports(context):
    """Valgrind's heap report can be exported too. A report without a peak is refused."""
    data = os.path.join(ROOT, "tests", "unit", "data")
    path = os.path.join(data, "dhat.out.heap")
    out, report = context.path("valgrind.gz"), dhat.load(path)
    context.run([CTRACE, "export", "-f", "heaptrack", "-o", out, path]).check()
    for cost, key in (("allocations", "tbk"), ("leaked", "eb"), ("peak", "gb")):
        check_equal(heaptrack.printed_sum(context, out, cost), report.total(key), "of Valgrind's report: " + cost)
    refused = context.run([CTRACE, "export", "-f", "heaptrack", "-o", "x", os.path.join(data, "dhat.out.copy")]).check(2)
    for part in ("dhat.out.copy", "live at the peak", "a copy profile of Valgrind"):
        check_in(part, refused.stderr, "refused")


def _write(context, points):
    data = {
        "dhatFileVersion": 2, "mode": "heap", "verb": "Allocated", "bklt": True, "bkacc": False, "tu": "µs", "Mtu": "s",
        "tuth": 10, "cmd": "x", "pid": 1, "te": 90000, "tg": 10000, "ftbl": ["[root]", *(f"0x{i:X}: f{i} (a.c:{i})" for i in range(1, len(points) + 1))],
        "pps": [dict(POINT, fs=[i], **point) for i, point in enumerate(points, 1)],
        "ctrace": {"frames": [[0, 0, 0]] * (len(points) + 1), "paths": [""]},
    }
    return context.write("made.json", json.dumps(data))


def _export(context, points):
    return context.run([CTRACE, "export", "-f", "heaptrack", "-o", "made.gz", _write(context, points)]).check().stderr


def _random_point(random_number):
    """Sums of random blocks, each of which is live at the peak, at the end, at both or at neither."""
    point = {"tb": 0, "tbk": 0, "gb": 0, "gbk": 0, "eb": 0, "ebk": 0, "tmpk": 0}
    for _ in range(random_number(1, 6)):
        size, peak, end = random_number(0, 40) ** 2, random_number(0, 1), random_number(0, 3) == 0
        for key, live in (("t", 1), ("g", peak), ("e", end)):
            point[key + "b"] += size * live
            point[key + "bk"] += live
        point["tmpk"] += not peak and not end and random_number(0, 1)
    return point


@test()
def heaptrack_histories(context):
    """For the sums of random blocks there is always a list of allocations that has these sums and this peak to the byte."""
    for seed in range(60):
        points = [_random_point(random.Random(f"{seed}.{i}").randint) for i in range(seed % 7 + 1)]
        peak = sum(point["gb"] for point in points)
        # No block of a real program is larger than its peak.
        largest = max(point["tb"] for point in points)
        if largest > peak:
            points.append({"tb": largest - peak, "tbk": 1, "gb": largest - peak, "gbk": 1})
        check_equal(_export(context, points), "", f"seed {seed}: stderr")
        played = Heaptrack(context.path("made.gz"))
        check_equal(played.peak, max(peak, largest), f"seed {seed}: peak")
        for cost, key in (("allocations", "tbk"), ("bytes", "tb"), ("peak", "gb"), ("peak blocks", "gbk"), ("leaked", "eb"), ("end blocks", "ebk")):
            wanted = {(f"f{i}",): point[key] for i, point in enumerate(points, 1) if point.get(key)}
            if cost in ("peak", "peak blocks") and not peak:
                continue
            check_equal(dict(played.costs[cost]), wanted, f"seed {seed}: {cost}")
        temporary, wanted = sum(played.costs["temporary"].values()), sum(point.get("tmpk", 0) for point in points)
        check(wanted <= temporary, f"seed {seed}: {temporary} temporary blocks of {wanted}")


@test()
def heaptrack_temporary_at_peak(context):
    """The block that causes the peak is often freed before the next allocation, and then counts as temporary."""
    for site in range(3):
        # Two blocks, of equal or different sizes, are live at the peak. A third comes and goes.
        points = [{"tb": 30 + i, "tbk": 3, "gb": 20 + i, "gbk": 2, "tmpk": 1 + (i == site)} for i in range(3)]
        check_equal(_export(context, points), "", "stderr")
        played = Heaptrack(context.path("made.gz"))
        check_equal(dict(played.costs["temporary"]), {(f"f{i}",): point["tmpk"] for i, point in enumerate(points, 1)}, f"temporary of {site}")


@test()
def heaptrack_bounds(context):
    """The file has a bounded size for any number of blocks, and sums may fit no list of blocks. One line reports each case."""
    many = 10**11
    told = _export(context, [{"tb": 24 * many, "tbk": many, "tmpk": many}, {"tb": 5000, "tbk": 1, "gb": 5000, "gbk": 1, "eb": 5000, "ebk": 1}])
    check(len(told.splitlines()) == 1 and str(many) in told and "peak and leaks are exact" in told, f"stderr: {told}")
    path = context.path("made.gz")
    check(os.path.getsize(path) < 2_000_000, f"{os.path.getsize(path)} bytes")
    told = _export(context, [{"tb": 10, "tbk": 1, "gb": 10, "gbk": 1, "eb": 20, "ebk": 1}])
    check(len(told.splitlines()) == 1 and "1 site differ" in told, f"stderr: {told}")
    played = Heaptrack(path)
    check_equal((dict(played.costs["leaked"]), played.costs["end blocks"][("f1",)]), ({("f1",): 20}, 1), "at the end")
    for huge in (2**64 - 1, 10**12):
        path = _write(context, [{"tb": 1, "tbk": huge, "gb": 1, "gbk": huge}, {"tb": 1, "tbk": huge, "gb": 1, "gbk": huge, "eb": 1, "ebk": huge}])
        refused = context.run([CTRACE, "export", "-f", "heaptrack", "-o", "huge.gz", path]).check(2)
        check_in("too many for heaptrack", refused.stderr, "so many live blocks")
    path = context.path("made.gz")
    check_equal(_export(context, []), "", "a report of nothing")
    Heaptrack(path)


@test(needs=("heaptrack_gui",) + display.NEEDS)
def heaptrack_gui(context):
    """The window shows the numbers. heaptrack_gui crashes on entries in another order, which the strict reader notices."""
    recording = formats.thread_recording(context)
    path = _made(recording)
    display.run_until(context, ["heaptrack_gui", path], lambda text: True, colours=COLOURS, stays=2)
    with gzip.open(path, "rt") as file:
        lines = file.read().splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("a "))
    moved = lines[:first] + ["a 0 1"] + [re.sub(r"(?<=^[-+] )\w+", lambda found: f"{int(found.group(), 16) + 1:x}", line) for line in lines[first:]]
    bad = context.path("bad.gz")
    with gzip.open(bad, "wt") as file:
        file.write("\n".join(moved) + "\n")
    check_caught(lambda: Heaptrack(bad), Exception, "is used before", "an entry that is not used")
    crash = lambda: display.run_until(context, ["heaptrack_gui", bad], lambda text: False)
    check_caught(crash, Exception, "heaptrack_gui ended", "an entry that is not used, in heaptrack_gui")
