# SPDX-License-Identifier: MIT
"""The functions of include/ctrace/ctrace.h, with the library preloaded and without it."""

import itertools
import json
import os
import re
import shlex

from lib import dhat, trace
from lib.formats import Recording
from lib.harness import CTRACE, CTRACE_TOP, LIBRARY, PYTHON, ROOT, check, check_equal, check_in, program, test

BUILDS = ("api", "api_no_pie", "api_lto", "api_cxx")
CASES = ("totals", "mark", "pause", "event", "pool", "pool-wrong", "handlers")
LINE = re.compile(r"(.*): total (-?\d+) in (-?\d+), live (-?\d+) in (-?\d+), dropped (\d+), paused (\d+)$", re.M)


def lines(text):
    """The output of `show` as {name: numbers}."""
    return {found[0]: tuple(map(int, found[1:])) for found in LINE.findall(text)}


def run(context, *words, build="api", **changes):
    return trace.run(context, [program(build), *words], **changes)


def top(context, *words):
    return context.run([CTRACE_TOP, *words]).check().stdout


@test()
def without_the_library(context):
    """Without the library no call has an effect, and no file is left."""
    for build in (*BUILDS, "api_static"):
        for case in CASES:
            shown = lines(context.run([program(build), case]).check().stdout)
            check_equal(set(shown.values()) - {(0,) * 6}, set(), f"{build} {case}")
    out = context.run([program("api"), "snapshot", context.path("s.json")]).check().stdout
    check_equal(re.findall(r"-?\d+", out), ["-38"] * 5 + ["0"], "snapshots")
    check_equal([name for name in os.listdir(context.folder) if not name.startswith(".")], [], "files left behind")


@test(needs=("clang", "clang++"))
def header_alone(context):
    """The header compiles in each promised language without a warning, and is linked with nothing."""
    warnings = "-Wall -Wextra -Wshadow -Wpedantic -Wconversion -Wcast-align -Werror".split()
    strict = ("-Wold-style-cast", "-Wzero-as-null-pointer-constant")
    languages = (("c", ("gcc", "clang"), ("c11", "gnu17"), (), "0"), ("cc", ("g++", "clang++"), ("c++11", "c++17", "c++20"), strict, "nullptr"))
    for suffix, compilers, standards, more, null in languages:
        calls = f'ctrace_mark("a"); ctrace_event(1); ctrace_tag_push("b"); ctrace_tag_push({null}); ctrace_tag_pop(); return ctrace_is_active();'
        source = context.write("one." + suffix, "#include <ctrace/ctrace.h>\nint main(void) { %s }\n" % calls)
        for compiler, standard in itertools.product(compilers, standards):
            binary = context.path("one")
            context.run([compiler, "-std=" + standard, "-O2", *warnings, *more, "-I" + os.path.join(ROOT, "include"), "-o", binary, source]).check()
            context.run([binary]).check(0)
            context.run([binary], env=trace.environment(context, compiler + standard + ".json")).check(1)


@test()
def totals(context):
    for build in BUILDS:
        out = run(context, "totals", build=build).stdout
        check_in("active 1", out, build)
        shown = lines(out)
        check_equal(shown["nothing"], (0,) * 6, f"{build}: nothing")
        check_equal(shown["100 kept, 50 freed"], (150, 2, 100, 1, 0, 0), f"{build}: two blocks")
        check_equal(shown["realloc to 150"], (300, 3, 150, 1, 0, 0), f"{build}: realloc")
        check_equal(shown["all freed"], (300, 3, 0, 0, 0, 0), f"{build}: freed")
        check_in("blocks of 10 and 1000: 1\npeak: 1\n", out, f"{build}: threads")


@test(needs=PYTHON)
def totals_are_the_reports(context):
    """The totals, read last by a program in another language, equal the report, except for what python allocates afterwards."""
    script = (
        "import ctypes, os\n"
        "libc = ctypes.CDLL(None)\n"
        "kept = [bytearray(1000 + i) for i in range(5000)]\n"
        "numbers = (ctypes.c_uint64 * 9)(72)\n"
        "libc.ctrace_api_totals(numbers)\n"
        "os.write(1, b'%d %d %d %d %d %d' % tuple(numbers[1:7]))\n"
        "os._exit(0)\n"
    )
    told = list(map(int, trace.run(context, [PYTHON, "-c", script], out="python.json").stdout.split()))
    report = dhat.check_file(context.path("python.json"))
    sums = [report.total(key) for key in ("tb", "tbk", "eb", "ebk", "gb", "gbk")]
    apart = [abs(a - b) for a, b in zip(told, sums)]
    check(sums[0] > 5000 * 1000 and max(apart[::2]) < 10000 and max(apart[1::2]) < 100, f"told {told}, report {sums}")


@test()
def marks(context):
    run(context, "mark", out="marks.json", CTRACE_KEEP_STORE=1)
    path = context.path("marks.json")
    rows = dhat.check_file(path).own["marks"]
    check_equal([row[5] for row in rows], ["begin", "one\ufffdline \ufffd", "x" * 255, ""], "names")
    check_equal([row[1:5] for row in rows], [[0, 0, 0, 0], [1000, 1, 1000, 1], [0, 0, 1000, 1], [0, 0, 1000, 1]], "totals")
    check(rows == sorted(rows, key=lambda row: row[0]), "order of time")
    table = top(context, "--marks", path)
    check_in("marks     4 (--marks): begin, ", top(context, path), "header of ctrace top")
    check(re.search(r"1000   B +1 +1000   B +1  one", table), f"table of marks: {table}")
    for source in (path, path + ".store"):
        for format_name in ("chrometrace", "json"):
            context.run([CTRACE, "export", "-f", format_name, "-o", context.path(format_name), source]).check()
        with open(context.path("chrometrace"), encoding="utf-8") as file:
            events = [event for event in json.load(file)["traceEvents"] if event["ph"] == "i"]
        check_equal([(event["ts"], event["args"]["live bytes"]) for event in events], [(row[0], row[1]) for row in rows], "trace")
        with open(context.path("json"), encoding="utf-8") as file:
            told = json.load(file)["marks"]
        check_equal([[mark["time"], mark["liveBytes"], mark["name"]] for mark in told], [[r[0], r[1], r[5]] for r in rows], "json")
    os.remove(path + ".store")
    many = trace.one(context, [program("api"), "mark-often"])
    check_equal((len(many.own["marks"]), many.own["losses"]["marks"]), (4096, 904), "marks and those beyond the limit")
    none = context.run([CTRACE_TOP, "--marks", Recording(context, [program("sites")]).path])
    check_equal(none.status, 2, "status of --marks without marks")
    check_in("did not call ctrace_mark", none.stderr, "--marks without marks")


@test()
def snapshots(context):
    result = run(context, "snapshot", context.path("named.json"), out="app.json")
    check_equal(result.stdout, "named 0\nnumbered 0\nnumbered 0\nempty -2\nnowhere -5\nchildren 0\n", "what snapshots return")
    check_in("/nowhere/at/all.json: cannot create", result.stderr, "why one failed")
    sums = {}
    for name in ("named", "app.snapshot-1", "app.snapshot-2", "app"):
        report = dhat.check_file(context.path(name + ".json"))
        sums[name] = report.total("tb"), report.total("eb"), report.own["ended"]
    wanted = {"named": (12345, 12345, False), "app.snapshot-1": (12345, 12345, False), "app.snapshot-2": (12345, 0, False)}
    check_equal(sums, {**wanted, "app": (12345, 0, True)}, "snapshots and the report at the end")
    # There is no exporter.
    result = run(context, "snapshot", context.path("x.json"), out="y.json", CTRACE_BIN="/nowhere")
    check_in("named -8\nnumbered -8\n", result.stdout, "snapshots without an exporter")


@test()
def pauses(context):
    for build in BUILDS:
        out = run(context, "pause", build=build).stdout
        wanted = {
            "paused": (300, 2, 0, 0, 0, 2),
            "resumed": (600, 3, 300, 1, 0, 3),
            "freed": (600, 3, 0, 0, 0, 3),
            "again": (600, 3, 0, 0, 0, 4),
        }
        check_equal(lines(out), wanted, build)
    for pid, report in trace.reports(context).items():
        check_equal(report.own["losses"]["paused"], 4, f"paused allocations of {pid}")
        check_equal((report.own["losses"]["dropped"], report.own["losses"]["unknownFrees"]), (0, 0), "losses")
        check_equal((report.total("tb"), report.total("eb")), (600, 0), "bytes of the report")
        check_in("4 allocations while recording was paused", top(context, report.path), "header of ctrace top")


@test()
def events(context):
    """Events have their own report, in DHAT's ad-hoc mode, and are not part of the heap's report."""
    for build in BUILDS:
        out = run(context, "event", build=build, out="e.json", CTRACE_KEEP_STORE=1).stdout
        check_equal(lines(out), {"events": (0,) * 6}, "the heap's totals")
        with open(context.path("e.events.json"), encoding="utf-8") as file:
            data = json.load(file)
        check_equal((data["mode"], data["verb"], data["bklt"], data["bksu"]), ("ad-hoc", "Occurred", False, "events"), "mode")
        stacks = {}
        for point in data["pps"]:
            names = [re.sub(r"^0x[0-9A-F]+: (\w+).*", r"\1", data["ftbl"][frame]) for frame in point["fs"]]
            stacks[tuple(names[: names.index("main")])] = point["tb"], point["tbk"]
            check(not any(name.startswith("ctrace_") for name in names), f"a frame of ctrace: {names}")
        if build == "api":
            wanted = {
                ("event_here", "event"): (3000, 1000),
                ("event_here", "event_there", "event"): (7, 1),
                ("event",): ((1 << 40) - 1, 1),
            }
            check_equal(stacks, wanted, "events by stack")
        check_equal(sorted(stacks.values()), [(7, 1), (3000, 1000), ((1 << 40) - 1, 1)], f"{build}: events")
        check_in("units in 1,002 events at 3 sites", top(context, context.path("e.events.json")), "ctrace top")
        context.run([CTRACE, "export", "--events", "-o", context.path("x.json"), context.path("e.json.store")]).check()
        with open(context.path("x.json"), encoding="utf-8") as file:
            check_equal(json.load(file)["pps"], data["pps"], "export --events")
        for name in ("e.json.store", "e.json", "e.events.json", "x.json"):
            os.remove(context.path(name))
    refused = context.run([CTRACE, "export", "--events", "-o", "-", Recording(context, [program("sites")]).path])
    check_equal(refused.status, 2, "status of --events of a report")
    # Beyond the limit of sites, events are dropped and not mixed with allocations.
    run(context, "event", out="few.json", CTRACE_MAX_SITES=1)
    report = dhat.check_file(context.path("few.json"), lossless=False)
    check_equal((report.own["losses"]["dropped"], report.total("tb")), (1002, 0), "events without a site")
    # A recording folder has them in a separate file.
    context.run([CTRACE, "record", "-q", "-f", "dhat,folded", "-o", context.path("folder") + "/", program("api"), "event"]).check()
    names = [name for _, _, found in os.walk(context.path("folder")) for name in found]
    check_equal(len([name for name in names if name.endswith(".events.json")]), 1, f"reports of events in {names}")
    # In a sample all events are counted, and pauses do not stop them.
    run(context, "event", out="s.json", CTRACE_SAMPLE="1m")
    with open(context.path("s.events.json"), encoding="utf-8") as file:
        check_equal(sum(point["tbk"] for point in json.load(file)["pps"]), 1002, "events of a sample")


@test()
def pools(context):
    """Blocks of pools are 8 or more bytes apart, and their storage is not counted as live twice."""
    for distance in (8, 16, 24, 640):
        for build in BUILDS if distance == 8 else BUILDS[:1]:
            out = run(context, "pool", str(distance), build=build).stdout
            size = 100 * distance
            wanted = {
                "storage": (64000, 2, 0, 1, 0, 0),
                "100 blocks": (64000 + size, 102, size, 101, 0, 0),
                "50 blocks": (64000 + size, 102, size // 2, 51, 0, 0),
                "49 blocks and a byte": (64001 + size, 103, size // 2 - distance + 1, 51, 0, 0),
                "5 blocks": (64001 + size, 103, 4 * distance + 1, 6, 0, 0),
                "cleared": (64001 + size, 103, 0, 1, 0, 0),
                "freed": (64001 + size, 103, 0, 0, 0, 0),
            }
            check_equal(lines(out), wanted, f"{build}, {distance} bytes apart")
    for report in trace.reports(context).values():
        check_equal(report.own["losses"]["unknownFrees"], 0, "unknown frees")
        check(not any(frame.function.startswith("ctrace_") for site in report.sites for frame in site.frames), "a frame of ctrace")
        trace.check_rooted(report)
    # The same in a sample, and with an allocator that puts its own blocks close together.
    env = context.environment(LD_PRELOAD=LIBRARY + ":" + program("libbump.so"), CTRACE_OUT=context.path("b.json"))
    bump = context.run([program("api"), "pool", "8"], env=env).check()
    sample = run(context, "pool", "8", out="s.json", CTRACE_SAMPLE="64")
    for result in (bump, sample):
        check_equal(lines(result.stdout)["freed"][2:5], (0, 0, 0), "live after all is freed")


@test()
def wrong_arguments(context):
    out = run(context, "pool-wrong", out="w.json").stdout
    check_equal(lines(out), {"wrong": (0, 0, 0, 0, 3, 0)}, "three blocks dropped")
    report = dhat.check_file(context.path("w.json"), lossless=False)
    check_equal((report.own["losses"]["dropped"], report.own["losses"]["unknownFrees"]), (3, 1), "losses")


@test()
def forks(context):
    """Calls in a forked child apply to the child."""
    result = run(context, "fork", context.path("child.json"))
    wanted = {
        "child begins": (500, 1, 500, 1, 0, 0),
        "child": (1200, 2, 700, 1, 0, 0),
        "parent": (500, 1, 500, 1, 0, 0),
    }
    check_equal(lines(result.stdout), wanted, "totals of parent and child")
    found = trace.reports(context)
    names = {pid == result.pid: [row[5] for row in report.own["marks"]] for pid, report in found.items()}
    check_equal(names, {True: ["in the parent"], False: ["in the child"]}, "marks")
    snapshot = dhat.check_file(context.path("child.json"))
    check(snapshot.data["pid"] in found and snapshot.data["pid"] != result.pid, "the child's snapshot is the child's")


@test()
def in_signal_handlers(context):
    """200 handlers, most of which interrupt a hook: whatever they do, the numbers fit together."""
    for build in ("api", "api_no_pie"):
        check_in("live 0 in 0\n", run(context, "handlers", build=build, out=build + ".json").stdout, build)
        report = dhat.check_file(context.path(build + ".json"), lossless=False)
        check_equal(len(report.own["marks"]), 200, "marks of handlers")
        losses = report.own["losses"]
        with open(context.path(build + ".events.json"), encoding="utf-8") as file:
            counted = sum(point["tbk"] for point in json.load(file)["pps"])
        check_equal(counted + losses["dropped"], 200, "events counted, or dropped and said")
