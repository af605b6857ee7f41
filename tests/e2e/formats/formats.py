# SPDX-License-Identifier: MIT
"""Every export format, read by its real consumer: the sums equal those of the DHAT report to the byte."""

import gzip
import json
import os
import re
import signal

from lib import browser, devtools, dhat, formats, speedscope, trace, trace_viewer
from lib.harness import CTRACE, ROOT, Skip, check, check_caught, check_equal, check_in, cpu_seconds, program, test, wait_for


@test()
def folded_sums(context):
    """Every metric, stack by stack, with the names of the report, root first."""
    for make in formats.RECORDINGS:
        recording = make(context)
        for metric, key in formats.KEYS.items():
            stacks = formats.read_folded(recording.export("folded", "--metric", metric))
            check_equal(stacks, recording.by_stack(key), metric)
        check_equal(formats.read_folded(recording.export("folded")), recording.by_stack("tb"), "without --metric")


@test(needs=("perl", formats.FLAMEGRAPH))
def flamegraph_draws(context):
    """flamegraph.pl's boxes: every function at every depth has its bytes."""
    for make in formats.RECORDINGS:
        recording = make(context)
        for metric in ("total-bytes", "end-bytes"):
            wanted = {}
            for stack, number in recording.by_stack(formats.KEYS[metric]).items():
                for place in enumerate(("all", *stack)):
                    wanted[place] = wanted.get(place, 0) + number
            # flamegraph.pl draws < and > as brackets.
            shown = {}
            for (depth, name), number in wanted.items():
                place = depth, name.replace("<", "(").replace(">", ")")
                shown[place] = shown.get(place, 0) + number
            boxes = formats.flamegraph_boxes(context, recording.export("folded", "-m", metric))
            check_equal(boxes, shown, "boxes of flamegraph.pl, " + metric)


def speedscope_reads(make):
    """speedscope's page shows what was recorded, stack by stack, for the four formats that it knows."""

    def run(context):
        with browser.Browser() as page:
            _check_in_speedscope(page, make(context))

    run.__name__ = "speedscope_reads_" + make.__name__
    return test(needs=speedscope.NEEDS)(run)


for each in formats.RECORDINGS:
    speedscope_reads(each)


def _check_in_speedscope(page, recording):
    own = recording.export("speedscope")
    profiles, _ = speedscope.load(page, own)
    names = ["total-bytes", "total-blocks", "peak-bytes", "peak-blocks", "end-bytes", "end-blocks", "temporary-blocks"]
    check_equal([profile.name for profile in profiles], names, "profiles")
    for profile in profiles:
        check_equal(profile.unit, "bytes" if profile.name.endswith("-bytes") else "none", "unit of " + profile.name)
        key = formats.KEYS[profile.name]
        check_equal(profile.total, recording.report.total(key), "speedscope: total of " + profile.name)
        check_equal(profile.stacks, recording.by_stack(key), "speedscope: " + profile.name)
    for metric in ("total-bytes", "end-bytes"):
        key = formats.KEYS[metric]
        for name in ("folded", "heapprofile"):
            ((profile,), _) = speedscope.load(page, recording.export(name, "--metric", metric))
            stacks = {stack[1:] if stack[0] == "(root)" else stack: value for stack, value in profile.stacks.items()}
            check_equal(stacks, recording.by_stack(key), f"speedscope: {name}, {metric}")
        # speedscope uses only the outermost of several inlined frames.
        ((profile,), _) = speedscope.load(page, recording.export("pprof", "--metric", metric))
        check_equal((profile.total, profile.unit), (recording.report.total(key), "bytes"), "speedscope: pprof, " + metric)
    chosen = recording.export("speedscope", "-m", "lifetime")
    profiles, active = speedscope.load(page, chosen)
    check_equal((profiles[active].name, profiles[active].unit), ("lifetime", "microseconds"), "chosen profile")
    check_equal(profiles[active].total, recording.report.total("tl"), "speedscope: lifetime")


@test(needs=(speedscope.SCHEMA,))
def speedscope_schema(context):
    """The file matches the schema that comes with speedscope. The schema notices a wrong unit."""
    try:
        import jsonschema
    except ImportError:
        raise Skip("python3-jsonschema") from None
    schema = formats.json_file(speedscope.SCHEMA)
    data = formats.json_file(formats.thread_recording(context).export("speedscope"))
    jsonschema.validate(data, schema)
    for profile in data["profiles"]:
        check_equal(len(profile["samples"]), len(profile["weights"]), "weights")
        check_equal(profile["endValue"], sum(profile["weights"]), "end value")
    data["profiles"][0]["unit"] = "blocks"
    check_caught(lambda: jsonschema.validate(data, schema), jsonschema.ValidationError, "blocks", "an invalid unit")


@test()
def heapprofile_sums(context):
    """Every metric, node by node, with the same stacks as in the folded format."""
    for make in formats.RECORDINGS:
        recording = make(context)
        for metric, key in formats.KEYS.items():
            profile = formats.HeapProfile(recording.export("heapprofile", "-m", metric))
            check_equal(dict(profile.stacks), recording.by_stack(key), metric)


@test(needs=browser.NEEDS)
def devtools_shows(context):
    """The Memory panel of Chromium's own DevTools loads a .heapprofile and shows sizes by function."""
    with browser.Browser() as page:
        for make in formats.RECORDINGS:
            recording = make(context)
            total, functions = devtools.load_heap_profile(page, recording.export("heapprofile", "-m", "peak"))
            check_equal(total, recording.report.total("gb"), "total in DevTools")
            own = {}
            for stack, number in recording.by_stack("gb").items():
                own[stack[-1]] = own.get(stack[-1], 0) + number
            check_equal({name: size for name, size in functions.items() if size}, own, "self sizes in DevTools")


@test(needs=("jq",))
def json_with_jq(context):
    """The examples of docs/json.md, and every number."""
    recording = formats.python_recording(context)
    path = recording.export("json")

    def jq(program_text):
        return json.loads(context.run(["jq", "-c", program_text, path]).check().stdout)

    report = recording.report
    for metric, key in formats.KEYS.items():
        member = re.sub("-(.)", lambda found: found.group(1).upper(), metric)
        check_equal(jq(f"[.sites[].{member}] | add"), report.total(key), member)
        if not metric.startswith("max"):
            check_equal(jq(f".totals.{member}"), report.total(key), "totals." + member)
    check_equal(jq(".totals.maxBytes"), report.total("gb"), "the most that was live")
    stacks = jq("[.frames as $f | .sites[] | [.stack[] | $f[.].text]]")
    check_equal(sorted(stacks), sorted([frame.text for frame in site.frames] for site in report.sites), "stacks")
    largest = jq(".sites[0].totalBytes")
    check_equal(largest, max(site["tb"] for site in report.sites), "sorted by total bytes")
    by_end = formats.json_file(recording.export("json", "-m", "end"))
    ends = [site["endBytes"] for site in by_end["sites"]]
    check_equal((ends, by_end["sortedBy"]), (sorted(ends, reverse=True), "endBytes"), "sorted by bytes at the end")
    check_equal(jq("[.format, .version, .mode, .timeUnit, .ended, .pid]"), ["ctrace-sites", 1, "heap", "µs", True, report.data["pid"]], "head")
    check_equal(jq(".losses"), report.losses, "losses")
    check_equal(jq("[.timeline[] | [.time, .mostBytes, .liveBytes, .liveBlocks]]"), report.own["timeline"], "timeline")
    with open(os.path.join(ROOT, "docs", "json.md"), encoding="utf-8") as text:
        examples = re.findall(r"^    jq (-r )?'(.*)' heap\.sites\.json", text.read(), re.M)
    check(len(examples) >= 3, f"examples in docs/json.md: {examples}")
    for _, example in examples:
        check(context.run(["jq", "-r", example, path]).check().stdout, "nothing comes of the example " + example)


@test()
def chrometrace_counters(context):
    """The timeline as counters, with peak and end at the right times."""
    for make in formats.RECORDINGS:
        recording = make(context)
        counters = formats.read_trace(recording.export("chrometrace"))
        check_equal(set(counters), {"live bytes", "live blocks", "most live bytes"}, "counters")
        report, live = recording.report, counters["live bytes"]
        check_equal(max(value for _, value in live), report.total("gb"), "highest live bytes")
        check_in((report.data["tg"], report.total("gb")), live, "the peak at its time")
        check_equal(live[-1][1], report.total("eb"), "live bytes at the end")
        check_equal(counters["live blocks"][-1][1], report.total("ebk"), "live blocks at the end")
        check_equal(max(value for _, value in counters["most live bytes"]), report.total("gb"), "highest of the intervals")
        check_equal(live[-1][0], report.own["timeline"][-1][0], "last time")


@test(needs=trace_viewer.NEEDS)
def chrometrace_imports(context):
    """The trace viewer of chrome://tracing imports every counter without a warning, and refuses half a file."""
    with browser.Browser() as page, trace_viewer.served() as address:
        for make in formats.RECORDINGS:
            recording = make(context)
            path = recording.export("chrometrace")
            process = trace_viewer.load(page, address, path)
            check_equal((process["pid"], process["name"]), (recording.report.data["pid"], recording.report.data["cmd"]), "process")
            check_equal(process["counters"], formats.read_trace(path), "counters in the trace viewer")
            check_equal(max(value for _, value in process["counters"]["live bytes"]), recording.report.total("gb"), "highest live bytes")
        with open(path, encoding="utf-8") as file:
            half = context.write("half.json", file.read()[:-3])
        check_caught(lambda: trace_viewer.load(page, address, half), Exception, "trace viewer:", "half a file")


@test(needs=("go", "jq") + speedscope.NEEDS)
def all_agree(context):
    """One recording in every format, each read by its consumer, has the same sum."""
    with browser.Browser() as page:
        for make in formats.RECORDINGS:
            recording = make(context)
            wanted = {metric: recording.report.total(formats.KEYS[metric]) for metric in ("total-bytes", "total-blocks", "peak-bytes", "end-bytes")}
            pprof = formats.PprofRaw(context, recording.export("pprof")).sums()
            filter_text = "[[.sites[].totalBytes], [.sites[].totalBlocks], [.sites[].peakBytes], [.sites[].endBytes]] | map(add)"
            told = context.run(["jq", "-c", filter_text, recording.export("json")]).check().stdout
            own, _ = speedscope.load(page, recording.export("speedscope"))
            sums = {
                "pprof": {"total-bytes": pprof["alloc_space"], "total-blocks": pprof["alloc_objects"], "peak-bytes": pprof["peak_space"], "end-bytes": pprof["inuse_space"]},
                "json": dict(zip(wanted, json.loads(told))),
                "speedscope": {profile.name: profile.total for profile in own if profile.name in wanted},
            }
            for name in ("folded", "heapprofile"):
                loaded = {metric: speedscope.load(page, recording.export(name, "-m", metric))[0] for metric in wanted}
                sums[name] = {metric: profile.total for metric, (profile,) in loaded.items()}
            for name, got in sums.items():
                check_equal(got, wanted, name)


@test(needs=("node",))
def deep_stacks(context):
    """Writers handle stacks of 4,000 frames with a stack of 256 KiB, so none recurses."""
    out = context.path("deep.json")
    env = context.environment(LD_PRELOAD=trace.LIBRARY, CTRACE_OUT=out, CTRACE_QUIET=1, CTRACE_KEEP_STORE=1, CTRACE_DEPTH=4096)
    context.run([program("deep"), "4000"], env=env).check()
    for name in formats.NAMES:
        to = context.path("deep." + name)
        context.run(["prlimit", "--stack=262144", CTRACE, "export", "-f", name, "-o", to, out + ".store"]).check()
    check(max(len(stack) for stack in formats.read_folded(context.path("deep.folded"))) > 4000, "folded is not deep")
    walk = """
        let waiting = [[JSON.parse(require('fs').readFileSync(process.argv[1])).head, 0]], deepest = 0;
        while (waiting.length) {
            const [node, depth] = waiting.pop();
            deepest = Math.max(deepest, depth);
            for (const child of node.children) waiting.push([child, depth + 1]);
        }
        console.log(deepest);
    """
    deepest = int(context.run(["node", "-e", walk, context.path("deep.heapprofile")]).check().stdout)
    check(deepest > 4000, f"heapprofile is {deepest} deep")


@test()
def damaged_names(context):
    """Names that would break the line-based formats."""
    names = ["a;b", "a:b", "tail 12", "#start", "anno_[k]", "blank in it", "line\nbreak", "é\"\\", "f(int)", "x_12.5"]
    point = dict.fromkeys(("tl", "mb", "mbk", "gb", "gbk", "eb", "ebk"), 0)
    data = {
        "dhatFileVersion": 2, "mode": "heap", "verb": "Allocated", "bklt": True, "bkacc": False, "tu": "µs", "Mtu": "s",
        "tuth": 10, "cmd": "x", "pid": 1, "te": 9, "tg": 1, "ftbl": ["[root]", *(f"0x{i:X}: {name} (a.c:1)" for i, name in enumerate(names, 1))],
        "pps": [dict(point, tb=10 + i, tbk=1, fs=[i, 4]) for i in range(1, len(names) + 1)],
    }
    source = context.write("names.json", json.dumps(data))
    context.run([CTRACE, "export", "-f", "folded", source]).check()
    stacks = formats.read_folded(context.path("names.folded"))
    check_equal(sum(stacks.values()), sum(10 + i for i in range(1, len(names) + 1)), "sum")
    labels = {stack[1]: number for stack, number in stacks.items()}
    check_equal(labels["a:b"], 11 + 12, "two names that have become equal are one stack")
    check({"tail_12", "anno_(k)", "blank in it", "f(int)"} <= set(labels), f"labels: {labels}")
    check(all(stack[0] == "_#start" for stack in stacks), f"roots: {stacks}")


@test()
def names_of_files(context):
    """Default names: those of the input or the recording, with the format's suffix, and with the metric if one was chosen."""
    recording = formats.thread_recording(context)
    wanted = (
        ([], recording.store, "threads.folded"),
        (["--metric", "peak"], recording.path, "threads.peak-bytes.folded"),
        (["-f", "pprof"], recording.path, "threads.pb.gz"),
    )
    for options, source, name in wanted:
        context.run([CTRACE, "export", "-f", "folded", *options, source]).check()
        check(os.path.exists(context.path(name)), f"{options}: no {name} in {os.listdir(context.folder)}")
        os.remove(context.path(name))
    moved = context.path("moved")
    os.rename(recording.store, moved)
    context.run([CTRACE, "export", "-f", "pprof", moved]).check()
    with gzip.open(moved + ".pb.gz") as file:
        check(file.read(1), "an empty file")
    piped = context.run([CTRACE, "export", "-f", "folded", "-o", "-", moved]).check()
    check(piped.stdout.endswith("\n") and not piped.stderr, "to stdout")


@test(needs=("go",))
def record_formats(context):
    """ctrace record -f writes several formats at the end, for each process, even for a killed program."""
    env = context.environment()
    script = f"{program('sites')} >&2; exit 3"
    result = context.run([CTRACE, "record", "-f", "pprof,dhat,folded", "--only", "*", "-o", "r.%e.%p.json", "/bin/sh", "-c", script], env=env).check(3)
    told = [line for line in result.stderr.splitlines() if line.startswith("ctrace: ")]
    # One line about all processes, and one for each.
    check(len(told) == 3 and sum(line.count("report ") for line in told) == 6, f"summary: {told}")
    left = sorted(os.listdir(context.folder))
    names = {name.split(".", 3)[-1] for name in left if name.startswith("r.")}
    check_equal((names, len([name for name in left if name.startswith("r.")])), ({"json", "pb.gz", "folded"}, 6), f"files: {left}")
    for name in left:
        if name.endswith(".json"):
            report = dhat.check_file(context.path(name))
            raw = formats.PprofRaw(context, context.path(name.replace(".json", ".pb.gz")))
            check_equal(raw.sums()["alloc_space"], report.total("tb"), name)
            stacks = formats.read_folded(context.path(name.replace(".json", ".folded")))
            check_equal(sum(stacks.values()), report.total("tb"), name)
    # A single format goes to the file of -o, even after SIGKILL. --quiet and --keep-store apply.
    killed = context.run([CTRACE, "record", "-q", "--keep-store", "-f", "folded", "-o", "x.out", program("ends"), "SIGKILL"], env=env)
    check_equal((killed.check(-9).stderr, os.path.exists(context.path("x.out.store"))), ("", True), "stderr and store")
    check(any("before_end" in stack for stack in formats.read_folded(context.path("x.out"))), "folded stacks of a killed program")
    for words, part in ((["-f", "nothing"], "unknown format 'nothing'"), (["-f", "dhat", "--export", "0"], "--export 0")):
        check_in(part, context.run([CTRACE, "record", *words, "true"], env=env).check(2).stderr, "refused")
    both = context.run([CTRACE, "export", "-f", "folded,pprof", context.path("x.out.store")]).check()
    check(os.path.exists(context.path("x.out.folded")) and os.path.exists(context.path("x.out.pb.gz")), "export -f folded,pprof")
    check_in("-o", context.run([CTRACE, "export", "-f", "folded,pprof", "-o", "y", context.path("x.out.store")]).check(2).stderr, "one name")


@test()
def record_formats_of_survivors(context):
    """A message names a process that outlives the program. Its store is exported later."""
    env = context.environment()
    words = ["-f", "folded", "-o", "s.%e.json", "/bin/sh", "-c", "sleep 10000 > /dev/null 2>&1 & until LD_PRELOAD= grep -qs ^ctrace s.sleep.json.store; do :; done; exec true"]
    told = context.run([CTRACE, "record", *words], env=env).check().stderr
    store = context.path("s.sleep.json.store")
    found = re.search(r"pid (\d+) still runs; later: ctrace export -f FORMAT (\S+)\n", told)
    check(found and found.group(2) == store, f"what is said of it: {told}")
    os.kill(int(found.group(1)), signal.SIGTERM)
    wait_for(lambda: not os.path.exists(f"/proc/{found.group(1)}/exe"), "sleep to end")
    context.run([CTRACE, "export", "-f", "folded", store]).check()
    check(os.path.exists(context.path("s.sleep.folded")), f"files: {os.listdir(context.folder)}")


@test()
def refusals(context):
    """If something cannot be done, one line says so, and what can be done instead."""
    recording = formats.thread_recording(context)
    copy = os.path.join(ROOT, "tests", "unit", "data", "dhat.out.copy")
    for words, parts in (
        (["-f", "x", recording.path], ["unknown format 'x'; known: " + ", ".join(formats.NAMES)]),
        (["-m", "y", recording.path], ["unknown metric 'y'", "--help"]),
        (["-m", "end", "-o", "x", recording.path], ["dhat", "--metric"]),
        (["-f", "folded", "-m", "peak", "-o", "x", copy], [copy, "no peak-bytes", "copy profile", "Valgrind"]),
        (["-f", "dhat", recording.path], ["is the input itself"]),
        (["-f", "chrometrace", "-o", "x", copy], [copy, "no timeline"]),
    ):
        result = context.run([CTRACE, "export", *words]).check(2)
        check_equal(len(result.stderr.splitlines()), 1, f"lines about {words}: {result.stderr}")
        for part in parts:
            check_in(part, result.stderr, f"about {words}")
    for name in formats.NAMES:
        full = context.run([CTRACE, "export", "-f", name, "-o", "/dev/full", recording.path]).check(3)
        check_in("No space left", full.stderr, name + " on a full disk")
        check_equal(len(full.stderr.splitlines()), 1, f"lines about a full disk: {full.stderr}")


@test()
def no_memory(context):
    """Whichever allocation fails first, there is a whole file, or no file and one line."""
    recording = formats.thread_recording(context)
    source = recording.path
    for name in formats.NAMES:
        wanted = open(recording.export(name, source=source), "rb").read()
        out, fine, after = context.path("out"), 0, 0
        while fine < 3:
            env = context.environment(LD_PRELOAD=program("libfail_alloc.so"), FAIL_AFTER=after)
            result = context.run([CTRACE, "export", "-f", name, "-o", out, source], env=env)
            if result.status == 0:
                check_equal(open(out, "rb").read() == wanted, True, f"{name}: the same file when allocation {after} fails")
                for entry in os.listdir(context.folder):
                    if entry.startswith("out"):
                        os.remove(context.path(entry))
                fine += 1
            else:
                check_equal(result.status, 3, f"{name}: status when allocation {after} fails ({result.stderr})")
                check_equal(len(result.stderr.splitlines()), 1, f"{name}: lines about it: {result.stderr}")
                check(not [entry for entry in os.listdir(context.folder) if entry.startswith("out")], "half a file")
                fine = 0
            after += 1 + after // 40


@test()
def readers_notice(context):
    """Seeded violations: the strict readers of these tests do not accept everything."""
    for text in ("a;b 1\na;b 2\n", "a;;b 1\n", "a 0\n", "a 1.5\n", "a\n"):
        path = context.write("bad", text)
        check_caught(lambda: formats.read_folded(path), Exception, "folded", repr(text))


@test()
def many_sites(context):
    """Each format takes about a second for 131,072 sites."""
    out = context.path("o.json")
    env = context.environment(LD_PRELOAD=trace.LIBRARY, CTRACE_OUT=out, CTRACE_QUIET=1, CTRACE_KEEP_STORE=1)
    context.run([program("many_sites"), "17"], env=env).check()
    for name in formats.NAMES:
        before = cpu_seconds()
        context.run([CTRACE, "export", "-f", name, out + ".store"]).check()
        seconds = cpu_seconds() - before
        check(seconds < 100, f"{name} took {seconds:.1f} s")
