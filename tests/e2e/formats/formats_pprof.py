# SPDX-License-Identifier: MIT
"""pprof's format, read by `go tool pprof`: its text output, and its flame graph in a browser."""

import os
import re
import time

from lib import browser, dhat, formats, pprof_strict, pprof_web
from lib.harness import CTRACE, ROOT, check, check_equal, check_in, program, test


@test(needs=("go",))
def pprof_sums(context):
    """All sample types: in total, by stack with inlined frames, and as in -top."""
    for make in formats.RECORDINGS:
        recording = make(context)
        path = recording.export("pprof")
        raw = formats.PprofRaw(context, path)
        check_equal(raw.types, list(formats.SAMPLE_TYPES), "sample types")
        check_equal(raw.default, "alloc_space", "sample type shown first")
        wanted = {name: recording.report.total(key) for name, key in formats.SAMPLE_TYPES.items()}
        check_equal(raw.sums(), wanted, "sums of pprof -raw")
        for name, key in formats.SAMPLE_TYPES.items():
            check_equal(raw.by_stack(name), recording.by_stack(key), name + " by stack")
            flat, total = formats.pprof_flat(context, path, name)
            check_equal((total, sum(flat.values())), (recording.report.total(key),) * 2, f"{name}: total and sum of pprof -top")
    check("std::vector<…>::emplace_back<…>" in flat, f"names as ctrace top has them: {list(flat)}")


@test()
def pprof_strict_ids(context):
    """A reader with Parca's rules takes the files: each id is one more than that before it in the file."""
    for make in formats.RECORDINGS:
        recording = make(context)
        with open(recording.export("pprof"), "rb") as file:
            profile = pprof_strict.Profile(file.read(), wire=False)
        check(len(profile.functions) > 3, f"{len(profile.functions)} functions")
        wanted = {name: recording.report.total(key) for name, key in formats.SAMPLE_TYPES.items()}
        check_equal(profile.sums(), wanted, "sums")


@test(needs=("go",))
def pprof_views(context):
    """The options that people use: -tree, -peek, -list, -traces, -base."""
    context.write("app.c", (
        "#include <stdlib.h>\n"
        "static void *volatile keep;\n"
        "static inline __attribute__((always_inline)) void *inner(int n)\n"
        "{\n"
        "	return malloc(n);\n"
        "}\n"
        "__attribute__((noinline)) static void outer(void) { keep = inner(1000); keep = inner(24); }\n"
        "int main(void) { outer(); outer(); free(keep); return 0; }\n"
    ))
    # The source has a relative path. The report has the absolute one.
    context.run(["gcc", "-g", "-O2", "-fno-builtin", "app.c", "-o", "app"]).check()
    recording = formats.Recording(context, [context.path("app")])
    path = recording.export("pprof")
    check_in("2048B, 100% of 2048B total", formats.pprof(context, "-tree", "-unit=B", path), "-tree")
    peek = formats.pprof(context, "-peek=outer", "-unit=B", path)
    for part in ("|   main", "inner (inline)", "2048B"):
        check_in(part, peek, "-peek")
    listed = formats.pprof(context, "-list=inner", "-unit=B", path, cwd="/")
    check(re.search(r"2048B +2048B +5:\s+return malloc\(n\);", listed), f"-list: {listed}")
    traces = formats.pprof(context, "-traces", "-unit=B", path)
    check(re.search(r"1000B +inner \(inline\)\n +outer\n +main\n", traces), f"-traces: {traces}")
    empty = formats.pprof(context, "-top", "-unit=B", "-base=" + path, path)
    check_in("Total samples = 0 \n", empty, "-base with itself")
    inuse = formats.pprof(context, "-top", "-unit=B", "-sample_index=inuse_space", path)
    check_in("2024B", inuse, "in use at the end")
    # With -base another run of the same program makes no difference.
    other = formats.Recording(context, [context.path("app")], "other").export("pprof")
    check_in("Total samples = 0 \n", formats.pprof(context, "-top", "-unit=B", "-base=" + path, other), "-base with another run")


@test(needs=("go",))
def pprof_sizes(context):
    """The label of a sample is the average size of its blocks. -tags sums up by label, and -tagfocus selects by it."""
    for make in formats.RECORDINGS:
        recording = make(context)
        path = recording.export("pprof")
        raw = formats.PprofRaw(context, path)
        by_size = {}
        for (values, _), size in zip(raw.samples, raw.sizes):
            blocks, number = values[:2]
            check_equal(size, number // blocks if blocks and number // blocks else None, f"size of {blocks} blocks, {number} bytes")
            by_size[size] = by_size.get(size, 0) + number
        tags = formats.pprof(context, "-tags", "-unit=B", path)
        told = {int(size): int(number) for number, size in re.findall(r"^ *(\d+)\.0B \([^)]*%\): (\d+)B$", tags, re.M)}
        check_equal(told, {size: number for size, number in by_size.items() if size}, "-tags")
        found = sum(number for size, number in by_size.items() if size and 64 <= size <= 1024)
        chosen = context.run(["go", "tool", "pprof", "-top", "-unit=B", "-nodecount=0", "-nodefraction=0", "-tagfocus=bytes=64b:1024b", path])
        check_in(f"Showing nodes accounting for {found}B, ", chosen.check().stdout, "-tagfocus")


@test(needs=("go",) + browser.NEEDS)
def pprof_flame_graph(context):
    """The flame graph of `go tool pprof -http` has every stack's numbers, and draws the boxes that are wide enough to see."""
    with browser.Browser() as page:
        for make in formats.RECORDINGS:
            recording = make(context)
            path = recording.export("pprof")
            raw = formats.PprofRaw(context, path)
            with pprof_web.served(context, path) as address:
                for name in ("alloc_space", "inuse_objects"):
                    total, stacks, boxes = pprof_web.flame_graph(page, address, name)
                    check_equal(total, recording.report.total(formats.SAMPLE_TYPES[name]), "pprof -http: " + name)
                    check_equal(stacks, raw.by_stack(name, short=True), "pprof -http: stacks of " + name)
                    if boxes is not None:
                        _check_drawn(boxes, total, stacks)


def _check_drawn(boxes, total, stacks):
    nodes = {("root",): total}
    for stack, number in stacks.items():
        for depth in range(1, len(stack) + 1):
            node = ("root",) + stack[:depth]
            nodes[node] = nodes.get(node, 0) + number
    wanted, narrow = {}, {}
    for node, number in nodes.items():
        place = len(node) - 1, node[-1]
        wanted[place] = wanted.get(place, 0) + number
        if number < total / 400:  # less than about a pixel: may be left out
            narrow[place] = narrow.get(place, 0) + number
    for place, number in wanted.items():
        check(0 <= number - boxes.get(place, 0) <= narrow.get(place, 0), f"box {place}: {boxes.get(place)} of {number}")
    check(set(boxes) <= set(wanted), f"boxes of nothing: {set(boxes) - set(wanted)}")
    check(len(boxes) > 20, f"only {len(boxes)} boxes")


@test(needs=("go", "readelf"))
def pprof_head(context):
    """Mappings with build-ids that contain the addresses; time, duration and comments; --metric chooses what comes first."""
    before = time.time_ns()
    recording = formats.thread_recording(context)
    raw = formats.PprofRaw(context, recording.export("pprof"))
    build_id = re.search(r"Build ID: (\w+)", context.run(["readelf", "-n", program("cxx_threads")]).stdout).group(1)
    start, limit, offset, path, told, flags = raw.mappings[0]
    check_equal((path, told, offset), (program("cxx_threads"), build_id, 0), "first mapping")
    check_in("[FN][FL][LN][IN]", flags, "flags of the first mapping")
    for start, limit, _, path, _, flags in raw.mappings:
        check(start % 4096 == limit % 4096 == 0 and start < limit, f"mapping of {path}: {start:x}-{limit:x}")
        check_in("[FN]", flags, "pprof would look for functions of " + path)
    for address, mapping, _ in raw.locations.values():
        start, limit, _, path, _, _ = raw.mappings[mapping - 1]
        check(mapping and start <= address < limit, f"{address:x} is outside of the mapping of {path}")
    inline = [lines for _, _, lines in raw.locations.values() if lines[0].startswith("make_node ")]
    check(inline and all([line.split()[0] for line in lines] == ["make_node", "push_twice", "build"] for lines in inline), f"inlined: {inline}")
    check_equal(raw.comments[1], program("cxx_threads"), "the command, in the comments")
    check_equal(raw.head["PeriodType"], "space bytes", "period")
    top = formats.pprof(context, "-top", recording.export("pprof"))
    told, unit = re.search(r"Duration: ([\d.]+)(\w+), ", top).groups()  # pprof chooses the unit
    microseconds = {"us": 1, "ms": 1e3, "s": 1e6, "min": 60e6, "hrs": 3600e6}[unit]
    check_equal(told, f"{recording.report.data['te'] / microseconds:.2f}".removesuffix(".00"), f"duration in {unit}")
    year = time.gmtime(before // 10**9).tm_year
    check(str(year) in raw.head["Time"] or str(year + 1) in raw.head["Time"], "time: " + raw.head["Time"])
    for metric, wanted in (("peak", "peak_space"), ("end-blocks", "inuse_objects"), ("lifetime", "lifetime")):
        path = recording.export("pprof", "--metric", metric)
        chosen = formats.PprofRaw(context, path)
        check_equal(chosen.default, wanted, "sample type shown first with --metric " + metric)
    check_equal(chosen.sums()["lifetime"], recording.report.total("tl"), "lifetimes as a sample type")


@test(needs=("go",))
def pprof_of_reports(context):
    """Exports from our JSON and from the store are equal. Reports of other producers have what their numbers allow."""
    recording = formats.thread_recording(context)
    of_store, of_json = (formats.PprofRaw(context, recording.export("pprof", source=source)) for source in (recording.store, recording.path))
    check_equal(sorted(of_json.mappings), sorted(of_store.mappings), "mappings from the JSON")
    check_equal(of_json.head["Time"], of_store.head["Time"], "time from the JSON")
    check_equal(sorted(v for v, _ in of_json.samples), sorted(v for v, _ in of_store.samples), "samples from the JSON")
    data = os.path.join(ROOT, "tests", "unit", "data")
    for name, types in (
        ("dhat.out.heap", list(formats.SAMPLE_TYPES)),
        ("dhat.out.copy", ["copies", "copied_space"]),
        ("dhat.out.ad-hoc", ["events", "units"]),
    ):
        report = dhat.load(os.path.join(data, name))
        out = context.path("valgrind.pb.gz")
        context.run([CTRACE, "export", "-f", "pprof", "-o", out, os.path.join(data, name)]).check()
        raw = formats.PprofRaw(context, out)
        check_equal(raw.types, types, name)
        for kind, key in (("alloc_objects", "tbk"), ("alloc_space", "tb"), ("inuse_space", "eb"), ("peak_space", "gb"),
                          ("copied_space", "tb"), ("units", "tb"), ("events", "tbk")):
            if kind in types:
                check_equal(raw.sums()[kind], report.total(key), f"{name}: {kind}")
