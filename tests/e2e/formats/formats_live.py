# SPDX-License-Identifier: MIT
"""Massif's format of live memory over time, read by its consumers."""

import json
import re

from lib import display, formats, trace
from lib.harness import CTRACE, PYTHON, check, check_caught, check_equal, check_in, program, test, wait_for
from lib.massif import BELOW, UNTOLD, Massif, Printed


def _apart(report, *names):
    """The longest time without one of these snapshots."""
    times = sorted([0, report.data["te"], *(row[0] for name in names for row in report.own[name])])
    return max(b - a for a, b in zip(times, times[1:]))


def growing_recording(context):
    """Half a second in which two functions keep memory, one more than the other, among many other allocations."""
    code = (
        "import time\n"
        "def large(): return bytearray(100_000)\n"
        "def small(): return bytearray(30_000)\n"
        "kept = []\n"
        "for i in range(50):\n"
        "    kept += [large(), small()]\n"
        "    time.sleep(0.01)\n"
        "del kept[:60]\n"
    )

    def steady():
        recording = formats.Recording(context, [PYTHON, "-S", "-E", "-c", code], "growing")
        return _apart(recording.report, "snapshots", "moments") * 4 < recording.report.data["te"] and recording

    return wait_for(steady, "a recording without a long pause")


RECORDINGS = (*formats.RECORDINGS, growing_recording)


def _caller(frames):
    """The text of the first frame that does not belong to the allocator."""
    allocator = [bool(re.search(r"(m|c|re)alloc$", frame.function, re.I)) for frame in frames]  # PyType_GenericAlloc too
    at = 0
    while at + 1 < len(frames) and (allocator[at] or (frames[at].function == "???" and allocator[at + 1])):
        at += 1
    return frames[at].text


def _above(label):
    return not re.fullmatch(BELOW, label)


@test(needs=("ms_print",))
def massif_sums(context):
    """ms_print's peak, end and timeline equal those of the DHAT report to the byte, and the sums of each tree are right."""
    for make in RECORDINGS:
        recording = make(context)
        report = recording.report
        path = recording.export("massif")
        massif, printed = Massif(path), Printed(context, path)
        check_equal(massif.unit, "ms", "unit")
        check_equal(massif.command, report.data["cmd"].replace("#", ":"), "command")
        check_equal((massif.peak.bytes, massif.last.bytes), (report.total("gb"), report.total("eb")), "peak and end")
        check_equal((massif.peak.time, massif.last.time), (report.data["tg"] // 1000, report.data["te"] // 1000), "times")
        check_equal(massif.last.kind, "peak" if massif.last is massif.peak else "detailed", "tree of the end")
        check_equal((printed.peak, printed.rows[printed.peak][1]), (massif.peak.number, report.total("gb")), "ms_print: peak")
        check_equal(printed.rows, {s.number: (s.time, s.bytes) for s in massif.snapshots}, "ms_print: snapshots")
        check_equal(printed.detailed, [s.number for s in massif.snapshots if s.nodes], "ms_print: trees")
        for snapshot in massif.snapshots:
            if snapshot.nodes:
                total, level = printed.trees[snapshot.number]
                # ms_print has its own words for the sum of everything below the threshold.
                wanted = [node for node in snapshot.first_level() if _above(node[1])]
                check_equal((total, [node for node in level if "threshold" not in node[1]]), (snapshot.bytes, wanted), "ms_print: tree")
                check_equal(sum(size for size, _ in snapshot.first_level()), snapshot.bytes, f"first level of snapshot {snapshot.number}")
        points = {(time // 1000, live) for time, _, live, _ in report.own["timeline"]}
        for snapshot in massif.snapshots[1:]:
            if snapshot.kind == "empty":
                check_in((snapshot.time, snapshot.bytes), points, "a point of the timeline")


@test()
def massif_trees(context):
    """The trees of peak and end have the direct callers of the allocator. Snapshots come from the store and from the report."""
    recording = growing_recording(context)
    massif = Massif(recording.export("massif"))
    for snapshot, key in ((massif.peak, "gb"), (massif.last, "eb")):
        sums = {}
        for site in recording.report.sites:
            text = _caller(site.frames)
            sums[text] = sums.get(text, 0) + site[key]
        wanted = sorted((size, label) for label, size in sums.items() if size * 100 >= snapshot.bytes)
        check_equal(sorted(node for node in snapshot.first_level() if _above(node[1])), wanted, f"{key} by caller")
    detailed = massif.detailed()
    check_equal(len(detailed), sum(row[1] > 0 for row in recording.report.own["snapshots"]) + 1, "detailed snapshots, with the end")
    check(len(detailed) <= 17, f"{len(detailed)} detailed snapshots")
    check(any(0 < snapshot.time < massif.peak.time and snapshot.bytes > 1000000 for snapshot in detailed), "a snapshot on the way up")
    of_report = Massif(recording.export("massif", source=recording.path))
    check_equal(
        [(s.time, s.bytes, s.kind) for s in of_report.snapshots], [(s.time, s.bytes, s.kind) for s in massif.snapshots], "snapshots of the report"
    )
    check_equal((of_report.peak.nodes, of_report.last.nodes), (massif.peak.nodes, massif.last.nodes), "peak and end of the report")
    for ours, theirs in zip(of_report.detailed(), detailed):
        missing = sum(size for size, label in ours.first_level() if label == UNTOLD)
        check(missing * 100 <= ours.bytes, f"{missing} of {ours.bytes} bytes are not in the report")
        callers = [[node for node in each.first_level() if _above(node[1]) and node[1] != UNTOLD] for each in (ours, theirs)]
        for (size, label), (whole, name) in zip(callers[0][:2], callers[1]):
            check(label == name and whole - ours.bytes // 100 <= size <= whole, f"{label}: {size} of {whole}")


@test()
def report_snapshots(context):
    """The report's "snapshots" and "moments" are complete if the program is small, survive a second export, and add up."""
    recording = growing_recording(context)
    snapshots = recording.report.own["snapshots"]
    # There are eight or more, and a pause of the process delays the next one.
    apart, pause = _apart(recording.report, "snapshots"), _apart(recording.report, "snapshots", "moments")
    check(apart <= recording.report.data["te"] / 8 + pause, f"no snapshot for {apart} µs, and the longest pause has {pause}")
    timeline = {time: (live, blocks) for time, _, live, blocks in recording.report.own["timeline"]}
    moments = recording.report.own["moments"]
    check(len(moments) >= 4, f"{len(moments)} moments in between")
    for time, size, blocks, rows in snapshots + moments:
        check_equal(timeline.get(time), (size, blocks), f"timeline at {time}")
        check(len({row[0] for row in rows}) == len(rows) <= 1000, "a site stands twice")
        told, listed = sum(row[1] for row in rows), {row[0] for row in rows}
        # Moments in between have no site with less than 1/1024.
        small = 0 if [time, size, blocks, rows] in snapshots else sum(min(site["mb"], size // 1024) for i, site in enumerate(recording.report.sites) if i not in listed)
        check(min(size * 99 // 100, size - small) <= told <= size and sum(row[2] for row in rows) <= blocks, f"{told} of {size} bytes are in the snapshot")
        for site, live, _ in rows:
            check(live <= recording.report.sites[site]["mb"], "more than the site's maximum")
    again = recording.export("dhat", source=recording.path)
    check_equal(open(again).read() == open(recording.path).read(), True, "a report of the report is the same")


@test()
def damaged_snapshots(context):
    """Each damage causes one line. Nothing is read out of bounds."""
    recording = formats.thread_recording(context)
    data = json.load(open(recording.path, encoding="utf-8"))
    count = len(data["pps"])
    for snapshots, part in (
        ({}, '"snapshots" is not an array'),
        ([7], "three numbers and an array"),
        ([[1, 2, 3]], "three numbers and an array"),
        ([[1, 2, 3, 4]], "three numbers and an array"),
        ([[1, 2, 3, {}]], "three numbers and an array"),
        ([[1, 2, 3, [], 5]], "three numbers and an array"),
        ([[-1, 2, 3, []]], "negative"),
        ([[1, 9, 9, [[count, 1, 1]]]], f"row {count} of"),
        ([[1, 9, 9, [[2**40, 1, 1]]]], "of \"pps\""),
        ([[1, 9, 9, [[0, 1]]]], "is not 3 numbers"),
        ([[1, 9, 9, [[0, 5, 1], [1, 5, 1]]]], "more than the snapshot"),
        ([[1, 9, 9, [[0, 2**64 - 1, 1], [1, 5, 1]]]], "more than the snapshot"),
        ([[1, 9, 1, [[0, 1, 1], [1, 1, 1]]]], "more than the snapshot"),
        ([[5, 0, 0, []], [4, 0, 0, []]], "back in time"),
    ):
        data["ctrace"]["snapshots"] = snapshots
        bad = context.write("bad.json", json.dumps(data))
        result = context.run([CTRACE, "export", "-f", "massif", "-o", "x", bad]).check(3)
        check_equal(len(result.stderr.splitlines()), 1, f"lines about {snapshots}: {result.stderr}")
        check_in(part, result.stderr, f"about {snapshots}")
    # Times after the end, and a duplicated site: we never write these, but they do no harm.
    data["ctrace"]["snapshots"] = [[2**60, 9, 9, [[0, 1, 1], [0, 2, 1]]]]
    data["cmd"] = "a#b"
    context.run([CTRACE, "export", "-f", "massif", "-o", "x", context.write("odd.json", json.dumps(data))]).check()
    massif = Massif(context.path("x"))
    (odd, last) = massif.detailed()
    check_equal((odd.bytes, massif.command, odd.time), (9, "a:b", last.time), "a snapshot behind the end")
    check_in((6, UNTOLD), odd.first_level(), "what the report does not tell")
    del data["ctrace"]["snapshots"]
    context.run([CTRACE, "export", "-f", "massif", "-o", "x", context.write("old.json", json.dumps(data))]).check()
    check_equal(len(Massif(context.path("x")).detailed()), 1, "trees of a report without snapshots: peak and end")


@test(needs=("massif-visualizer",) + display.NEEDS)
def massif_visualizer(context):
    """KDE's viewer opens the file, finds the peak and draws. It does not show a damaged file."""
    recording = growing_recording(context)
    path = recording.export("massif")
    massif = Massif(path)
    text = display.run_until(context, ["massif-visualizer", path], lambda text: "peak cost" in text)
    for part in (f"snapshots: {len(massif.snapshots)}\n", f"peak: snapshot # {massif.peak.number} after {massif.peak.time} ", 'description: "ctrace '):
        check_in(part, text, "massif-visualizer")
    broken = context.write("broken.massif", open(path).read().replace("#-----------\nsnapshot=9\n", "snapshot=9\n"))
    text = display.run_until(context, ["massif-visualizer", broken], lambda text: "peak cost" in text or "invalid line" in text, colours=0)
    check("peak cost" not in text, "a damaged file is shown")


@test(needs=("ms_print",))
def massif_of_deep_stacks(context):
    """With 4,000 frames the tree ends where ms_print would warn, and has all bytes."""
    out = context.path("deep.json")
    env = context.environment(LD_PRELOAD=trace.LIBRARY, CTRACE_OUT=out, CTRACE_QUIET=1, CTRACE_DEPTH=4096)
    context.run([program("deep"), "4000"], env=env).check()
    context.run([CTRACE, "export", "-f", "massif", out]).check()
    path = context.path("deep.massif")
    check_equal(max(depth for depth, _, _, _ in Massif(path).peak.nodes), 98, "depth")
    Printed(context, path)


@test(needs=("go", "ms_print"))
def sampled(context):
    """The file of a sampled recording says that it is sampled, if the format has a place for that. Sums are correct."""
    context.run([CTRACE, "record", "-q", "--sample", "1k", "-o", "s.json", program("sizes")]).check()
    source, text = context.path("s.json"), "sampled, mean interval 1024 bytes"
    names = ("pprof", "speedscope", "json", "chrometrace", "massif")
    context.run([CTRACE, "export", "-f", ",".join(names), source]).check()
    raw = formats.PprofRaw(context, context.path("s.pb.gz"))
    check_equal((raw.head["Period"], raw.comments[-1]), ("1024", text), "pprof")
    whole = formats.PprofRaw(context, formats.thread_recording(context).export("pprof"))
    check_equal((whole.head["Period"], len(whole.comments)), ("1", 2), "pprof of every allocation")
    profiles = formats.json_file(context.path("s.speedscope.json"))["profiles"]
    check_equal(profiles[0]["name"], "total-bytes, " + text, "speedscope")
    check_equal(formats.json_file(context.path("s.sites.json"))["sampleBytes"], 1024, "json")
    check_in(text, json.dumps(formats.json_file(context.path("s.trace.json"))["traceEvents"][1]), "chrometrace")
    massif, report = Massif(context.path("s.massif")), formats.json_file(source)
    check_equal(massif.description.split(", ", 1)[1], text, "massif")
    sums = [sum(site[key] for site in report["pps"]) for key in ("gb", "eb")]
    check_equal([massif.peak.bytes, massif.last.bytes], sums, "peak and end")


@test()
def readers_notice(context):
    """Seeded violations: the strict readers of these tests do not accept everything."""
    path = formats.thread_recording(context).export("massif")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    tree = re.search(r"heap_tree=peak\nn(\d+): (\d+) ", text)
    for old, new, part in (
        ("time_unit: ms", "time_unit: us", "head"),
        ("heap_tree=peak", "heap_tree=detailed", "peaks"),
        ("snapshot=1\n", "snapshot=7\n", "numbers"),
        (f"n{tree.group(1)}: {tree.group(2)} ", f"n{tree.group(1)}: {int(tree.group(2)) + 1} ", "root"),
        (f"heap_tree=peak\nn{tree.group(1)}: ", f"heap_tree=peak\nn{int(tree.group(1)) + 1}: ", "tree"),
    ):
        check_in(old, text, "to be replaced")
        bad = context.write("bad", text.replace(old, new, 1))
        check_caught(lambda: Massif(bad), Exception, part, new)
