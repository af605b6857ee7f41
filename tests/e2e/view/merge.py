# SPDX-License-Identifier: MIT
"""ctrace merge: many processes in one report, in which every sum is that of the inputs."""

import collections
import glob
import json
import os
import re
import subprocess
import time

from lib import browser, dh_view, dhat, formats, trace
from lib.harness import CTRACE, CTRACE_TOP, PYTHON, ROOT, check, check_equal, check_in, cpu_seconds, program, test
from lib.serve import memory_mib

KEYS = dhat.COUNTERS + dhat.OUR_COUNTERS
DATA = os.path.join(ROOT, "tests", "unit", "data")

SOURCE = "#include <stdio.h>\nint main(void) { return printf(\"%d\\n\", 1) < 0; }\n"
POOL = "import multiprocessing, json\ndef f(n): return json.dumps(list(range(n * 100)))\np = multiprocessing.Pool(3)\np.map(f, range(60)); p.close(); p.join()\n"


def _merge(context, *words, status=0, out="merged.json"):
    out = context.path(out)
    result = context.run([CTRACE, "merge", "-o", out, *words]).check(status)
    result.path = out
    return result


def _load(path):
    report = dhat.check_file(path)
    report.path = path
    return report


def _key(frame):
    """Frames are equal if their texts without addresses are. Nameless code in a file is known only by its address."""
    text = re.sub("^0x[0-9A-F]+: ", "", frame.text)
    return frame.text if text.startswith("??? (in /") else text


def _by_stack(reports):
    sums = collections.defaultdict(collections.Counter)
    for report in reports:
        for site in report.sites:
            sums[tuple(_key(frame) for frame in site.frames)].update(site.counters)
    return {stack: {key: counters[key] for key in KEYS} for stack, counters in sums.items()}


def _check_sums(merged, reports):
    """Check everything that adds up, in total and by site, and the values that come from the largest input."""
    wanted = {key: sum(report.total(key) for report in reports) for key in KEYS}
    check_equal({key: merged.total(key) for key in KEYS}, wanted, "sums over all sites")
    by_stack = _by_stack([merged])
    check_equal(len(by_stack), len(merged.sites), "sites whose stacks are distinct")
    for stack, counters in _by_stack(reports).items():
        check_equal(by_stack.pop(stack, None), counters, f"site {stack}")
    check_equal(by_stack, {}, "sites of no input")
    check_equal(merged.data["te"], max(report.data["te"] for report in reports), "end time")
    highest = max(reports, key=lambda report: report.total("gb"))
    check_equal(merged.data["tg"], highest.data["tg"], "peak time: that of the highest")
    for key in dhat.LOSSES[:-1]:
        check_equal(merged.losses[key], sum(report.losses[key] for report in reports), "losses: " + key)
    joined = sum(len(report.sites) + report.losses["mergedSites"] for report in reports) - len(merged.sites)
    check_equal(merged.losses["mergedSites"], joined, "sites made one")
    check_equal((merged.data["pid"], merged.own["timeline"]), (0, []), "pid, timeline")


def _gcc(context):
    context.write("a.c", SOURCE)
    trace.run(context, ["gcc", "-O2", "a.c", "-o", "a"], out="gcc/out.%e.%p.json")
    return [_load(path) for path in sorted(glob.glob(context.path("gcc", "*.json")))]


def _gcc_reports(context):
    context.make_folder("gcc")
    reports = _gcc(context)
    programs = {report.data["cmd"].split()[0].rpartition("/")[2] for report in reports}
    check(len(reports) == 5 and {"cc1", "as", "collect2"} <= programs, f"processes of gcc: {programs}")
    return reports


@test(needs=("gcc",))
def gcc(context):
    """The processes of gcc's driver, merged from a folder, and what ctrace-top and info print for the result."""
    reports = _gcc_reports(context)
    result = _merge(context, context.path("gcc"))
    merged = _load(result.path)
    _check_sums(merged, reports)
    check_equal(merged.data["cmd"], "5 programs", "command")
    check_in(f"merged 5 files: total", result.stderr, "summary")
    check_equal(len(result.stderr.splitlines()), 2, "lines of the summary")
    shown = context.run([CTRACE_TOP, "--bytes", result.path]).check().stdout
    for part in ("merged", "5 programs", f"{merged.total('tb'):,} bytes", "the processes' peaks added up", "upper bound"):
        check_in(part, shown, "ctrace-top")
    check("pid 0" not in shown, "ctrace-top shows pid 0")
    context.run([CTRACE, "info", result.path]).check()
    # The result is the same in any order, and in two steps.
    _merge(context, *[report.path for report in reversed(reports)], out="other.json")
    check_equal(_by_stack([_load(context.path("other.json"))]), _by_stack([merged]), "sites in another order")
    _merge(context, reports[0].path, reports[1].path, out="half.json")
    _merge(context, context.path("half.json"), *[report.path for report in reports[2:]], out="steps.json")
    check_equal(_by_stack([_load(context.path("steps.json"))]), _by_stack([merged]), "sites in two steps")
    return f"{sum(len(report.sites) for report in reports)} sites of 5 processes become {len(merged.sites)}"


@test(needs=browser.NEEDS + (dh_view.PAGE, "gcc"))
def in_dh_view(context):
    _gcc_reports(context)
    merged = _load(_merge(context, context.path("gcc")).path)
    with browser.Browser() as page:
        shown = dh_view.load(page, merged.path)
    check_equal((shown.error, shown.console), ("", []), "dh_view's error, its console")
    wanted = dict(dh_view.sums(merged.data["pps"]), peak_time=merged.data["tg"], end_time=merged.data["te"])
    check_equal(shown.totals, wanted, "totals that dh_view shows")
    check_equal(shown.metrics, dh_view.LIFETIME_METRICS, "metrics that work")


@test()
def python_pool(context):
    """Forked workers: stores and reports give the same result. ctrace expands a pattern itself."""
    context.write("pool.py", POOL)
    trace.run(context, [PYTHON, "pool.py"], CTRACE_KEEP_STORE=1)
    paths = sorted(glob.glob(context.path("out.*.json")))
    reports = [_load(path) for path in paths]
    check(len(reports) >= 4, f"{len(reports)} processes")
    merged = _load(_merge(context, context.path("out.*.json")).path)
    _check_sums(merged, reports)
    check_equal(merged.data["cmd"], reports[0].data["cmd"], "command, the same of all")
    check_equal(merged.own["program"], reports[0].own["program"], "program")
    check(len(merged.sites) < sum(len(report.sites) for report in reports), "no site of the workers is one")
    _merge(context, context.path("out.*.store"), out="stores.json")
    check_equal(_by_stack([_load(context.path("stores.json"))]), _by_stack([merged]), "sites from the stores")
    # Reports and their kept stores are the same recordings, and count once.
    _merge(context, *paths, *[path + ".store" for path in paths], out="both.json")
    check_equal(_by_stack([_load(context.path("both.json"))]), _by_stack([merged]), "sites of reports with their stores")


@test()
def folders(context):
    """A folder stands for its reports, without other formats, the last result, and stores that were kept."""
    trace.run(context, [program("sites")], out="in/out.%p.json", CTRACE_KEEP_STORE=context.make_folder("in") and 1)
    (path,) = glob.glob(context.path("in", "*.json"))
    context.run([CTRACE, "export", "-f", "pprof,json,speedscope,folded", path]).check()
    context.write("in/README.md", "notes\n")
    context.make_folder("in/deeper.json")
    total = _load(path).total("tb")
    for _ in range(2):
        result = _merge(context, context.path("in"), out="in/all.json")
        check_in("merged 1 file:", result.stderr, "summary")
        check_equal(_load(result.path).total("tb"), total, "total bytes")
    check_equal(_load(result.path).data["pid"], _load(path).data["pid"], "pid of a single input")
    result = _merge(context, context.path("in", "out*json*"), out="in/all.json")
    check_in("merged 1 file:", result.stderr, "summary of a pattern that other formats match")
    refused = context.run([CTRACE, "merge", "-o", path, path]).check(2)
    check_in("is an input", refused.stderr, "an input as the output")
    context.make_folder("empty")
    for word in ("empty", "nothing*.json", ""):
        check_equal(len(_merge(context, *([word] if word else []), status=2, out="x.json").stderr.splitlines()), 1, f"lines about {word!r}")
    check_equal(context.run([CTRACE, "merge", path]).status, 2, "status without -o")


@test()
def several_formats(context):
    trace.run(context, [program("sites")])
    (path,) = glob.glob(context.path("out.*.json"))
    total = _load(path).total("tb")
    _merge(context, "-f", "folded,json,dhat", "--metric", "total", path, path, status=2)
    _merge(context, "-f", "folded,json,dhat,pprof", path, path)
    with open(context.path("merged.folded"), encoding="utf-8") as file:
        check_equal(sum(int(line.rpartition(" ")[2]) for line in file), 2 * total, "bytes of the folded stacks")
    with open(context.path("merged.sites.json"), encoding="utf-8") as file:
        check_equal(json.load(file)["totals"]["totalBytes"], 2 * total, "totals of the JSON")
    check(os.path.getsize(context.path("merged.pb.gz")) > 100, "merged.pb.gz")
    shown = context.run([CTRACE, "merge", "-o", "-", path, path]).check()
    check_equal(json.loads(shown.stdout)["pps"], _load(context.path("merged.json")).data["pps"], "on stdout")
    check_equal(shown.stderr, "", "stderr with -o -")


@test(needs=("go", "gcc"))
def pprof(context):
    """go tool pprof reads a merge of different programs with all sums."""
    reports = _gcc_reports(context)
    raw = formats.PprofRaw(context, _merge(context, "-f", "pprof", "gcc", out="merged.pb.gz").path)
    wanted = {name: sum(report.total(key) for report in reports) for name, key in formats.SAMPLE_TYPES.items()}
    check_equal(raw.sums(), wanted, "sums of pprof -raw")


@test()
def rust(context):
    """In files of dhat-rs addresses differ between runs and members may be null. They can be merged with recordings of ctrace."""
    def run(base, count):
        point = dict.fromkeys(("tb", "tbk", "tl", "mb", "mbk", "gb", "gbk", "eb", "ebk"), count)
        data = dict(dhatFileVersion=2, mode="rust-heap", verb="Allocated", bklt=True, bkacc=False, bu=None, bsu=None, bksu=None)
        data.update(tu="µs", Mtu="s", tuth=10, cmd="./rust", pid=base, te=100 + count, tg=count)
        frames = [f"0x{base:x}: alloc::vec::Vec<T>::push (alloc/src/vec.rs:12:5)", f"0x{base + 9:x}: rust::main (src/main.rs:{3 + count % 2}:1)"]
        data.update(pps=[dict(point, fs=[1, 2])], ftbl=["[root]"] + frames)
        return context.write(f"{base}.json", json.dumps(data, indent=1))

    report = dhat.load(_merge(context, run(4096, 2), run(8192, 4), run(12288, 6), run(16384, 7)).path)
    check_equal(sorted(site["tb"] for site in report.sites), [7, 12], "sites")
    check_in("alloc::vec::Vec<T>::push (alloc/src/vec.rs:12:5)", report.data["ftbl"], "frames")
    check_equal((report.data["te"], report.data["tg"], report.data["cmd"]), (107, 7, "./rust"), "times, command")
    trace.run(context, [program("sites")])
    (path,) = glob.glob(context.path("out.*.json"))
    both = dhat.load(_merge(context, path, context.path("4096.json")).path)
    check_equal(both.total("tb"), dhat.load(path).total("tb") + 2, "total bytes with a recording of ctrace")


@test()
def misfits(context):
    """Inputs that do not fit cause one line that names both files. Files of Valgrind fit together."""
    trace.run(context, [program("sites")])
    (path,) = glob.glob(context.path("out.*.json"))
    heap, copy = os.path.join(DATA, "dhat.out.heap"), os.path.join(DATA, "dhat.out.copy")
    for one, other, why in ((path, heap, "unit of time"), (heap, copy, "mode"), (copy, os.path.join(DATA, "dhat.out.ad-hoc"), "mode")):
        line = _merge(context, one, other, status=2, out="x.json").stderr
        for part in (one, other, why):
            check_in(part, line, "misfit")
        check_equal(len(line.splitlines()), 1, "lines about a misfit")
        check_equal(_merge(context, "--skip-damaged", one, other, status=2, out="x.json").stderr, line, "with --skip-damaged")
    check(not os.path.exists(context.path("x.json")), "a report was written")
    for source in (heap, copy):
        single = dhat.load(source)
        twice = dhat.load(_merge(context, source, source).path)
        for key in ("tb", "tbk") + (("tl", "gb", "eb") if source == heap else ()):
            check_equal(twice.total(key), 2 * single.total(key), f"{key} of {source} twice")


@test()
def damaged(context):
    trace.run(context, [program("sites")], CTRACE_KEEP_STORE=1)
    (path,) = glob.glob(context.path("out.*.json"))
    good = _load(path)
    with open(path, "rb") as file:
        text = file.read()
    with open(path + ".store", "rb") as file:
        store = file.read()
    context.make_folder("in")
    seeds = {"cut.json": text[: len(text) // 2], "number.json": text.replace(b'"tb":', b'"tb":-', 1), "empty.json": b"", "half.json.store": store[:5000]}
    context.write("in/a.json", text)
    context.write("in/z.json", text)
    for name, content in seeds.items():
        broken = context.write("in/" + name, content)
        result = _merge(context, context.path("in"), status=3)
        check_equal(len(result.stderr.splitlines()), 1, "lines about " + name)
        check_in(broken, result.stderr, "the line")
        check(not os.path.exists(result.path), f"{name}: a report was written")
        os.remove(broken)
    for name, content in seeds.items():
        context.write("in/" + name, content)
    result = _merge(context, "--skip-damaged", context.path("in"), context.path("missing.json"))
    for name in [*seeds, "missing.json", "merged 2 files (5 damaged left out)"]:
        check_in(name, result.stderr, "what was left out")
    check_equal(_load(result.path).total("tb"), 2 * good.total("tb"), "total bytes of the others")
    check_equal(_merge(context, "--skip-damaged", context.path("in", "cut.json"), status=3, out="x").stderr.count("\n"), 2, "nothing left")


def _vary(report, step):
    """A report as of another process of the same program, with other numbers and addresses."""
    data = json.loads(json.dumps(report.data))
    for number, point in enumerate(data["pps"]):
        for key in KEYS:
            point[key] += step * (number % 7 if key[-1] != "k" else 1)
    data["ftbl"] = [re.sub("^0x([0-9A-F]+)", lambda found: f"0x{int(found[1], 16) + step * 4096:X}", text) for text in data["ftbl"]]
    return data


@test()
def thousand(context):
    """1,000 reports of 2,048 sites take seconds, and no more memory than two of them."""
    trace.run(context, [program("many_sites"), "11"])
    (path,) = glob.glob(context.path("out.*.json"))
    report = _load(path)
    context.make_folder("in")
    wanted = collections.Counter()
    for step in range(10):
        first = context.write(f"in/{step}.json", json.dumps(_vary(report, step)))
        for key in KEYS:
            wanted[key] += 100 * sum(point[key] for point in json.load(open(first, encoding="utf-8"))["pps"])
        for copy in range(1, 100):
            os.link(first, context.path("in", f"{step}.{copy}.json"))
    start = cpu_seconds()
    limited = context.run(["sh", "-c", 'ulimit -v 100000; exec "$@"', "sh", CTRACE, "merge", "in", "-o", "merged.json"]).check()
    seconds = cpu_seconds() - start
    check_in("merged 1,000 files", limited.stderr, "summary")
    merged = dhat.load(context.path("merged.json"))
    check_equal(len(merged.sites), len(_by_stack([report])), "sites")
    check_equal({key: merged.total(key) for key in KEYS}, dict(wanted), "sums")
    check(seconds < 600, f"{seconds:.1f} s")
    return f"{seconds:.1f} s for {1000 * os.path.getsize(path) >> 20} MiB, {len(report.sites)} sites each"


def _peak_kib(context, words, files):
    """The most memory that a command takes, with so many descriptors at most."""
    process = subprocess.Popen(["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *words], env=context.environment(), cwd=context.folder, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:  # the peak only grows, so the last look is nearly the whole
        try:
            peak = max(peak, memory_mib(process.pid) * 1024)
        except (OSError, AttributeError):  # it has just ended
            pass
        time.sleep(0.002)
    check_equal(process.returncode, 0, "status of " + " ".join(words))
    return int(peak)


@test()
def ten_thousand(context):
    """10,000 reports or stores: memory does not grow with their number, except for their names, and 16 descriptors are enough."""
    trace.run(context, [program("many_sites"), "4"], CTRACE_KEEP_STORE=1)
    (report,), (store,) = glob.glob(context.path("out.*.json")), glob.glob(context.path("out.*.store"))
    total = dhat.load(report).total("tb")
    told = []
    for source, end in ((report, ".json"), (store, ".store")):
        peaks = []
        for count in (100, 10_000):
            folder = context.make_folder(f"in{count}{end}")
            for i in range(count):
                os.link(source, os.path.join(folder, f"{i}{end}"))
            command = [CTRACE, "merge", folder, "-o", context.path("all.json")]
            # The end of a short command may come unseen.
            peaks.append(max(_peak_kib(context, command, 16) for _ in range(3 if count == 100 else 1)))
            check_equal(dhat.load(context.path("all.json")).total("tb"), count * total, f"sum of {count} x {end}")
        check(peaks[1] < peaks[0] + 2500, f"{end}: {peaks[0]} KiB for 100, {peaks[1]} KiB for 10,000")
        told.append(f"{end} {peaks[0]} and {peaks[1]} KiB")
    return ", ".join(told)
