# SPDX-License-Identifier: MIT
"""Heap profiles of other tools in ctrace's views, compared with what these tools' own readers say."""

import csv
import glob
import gzip
import io
import json
import os
import random
import re
import resource

from lib import browser, formats, heaptrack, trace
from lib.harness import CTRACE, PYTHON, Skip, check, check_equal, check_in, test

TCMALLOC, JEMALLOC = (f"/usr/lib/x86_64-linux-gnu/{name}" for name in ("libtcmalloc.so.4", "libjemalloc.so.2"))
ZSTD = "/usr/lib/x86_64-linux-gnu/libzstd.so.1"

SOURCE = """
#include <stdlib.h>
#include <string.h>
__attribute__((noinline)) static char *keep(int size) { return malloc(size); }
__attribute__((noinline)) static char *work(int size) { char *block = malloc(size); memset(block, 1, size); return block; }
int main(void)
{
    static char *kept[1000];
    for (int i = 0; i < 1000; i++) kept[i] = keep(4096 + i);
    for (int i = 0; i < 5000; i++) free(work(1000));
    for (int i = 0; i < 500; i++) free(kept[i]);
    return 0;
}
"""

GO = """
package main

import ("os"; "runtime"; "runtime/pprof")

var kept [][]byte

func keep(n int) { kept = append(kept, make([]byte, n)) }
func work(n int) int { return len(make([]byte, n)) }

func main() {
	runtime.MemProfileRate = 1
	sum := 0
	for i := 0; i < 1000; i++ { keep(4096 + i); sum += work(100000 + i) }
	runtime.GC()
	binary, _ := os.Create("go.pb.gz")
	pprof.WriteHeapProfile(binary)
	binary.Close()
	text, _ := os.Create("go.txt")
	pprof.Lookup("heap").WriteTo(text, 1)
	text.Close()
	processor, _ := os.Create("cpu.pb.gz")
	pprof.StartCPUProfile(processor)
	for i := 0; i < 100000000; i++ { sum += i }
	pprof.StopCPUProfile()
	os.Exit(sum & 1 ^ sum & 1)
}
"""

METRICS = ("totalBytes", "totalBlocks", "peakBytes", "peakBlocks", "endBytes", "endBlocks", "maxBytes", "lifetime")


def _json(context, path, status=0):
    return json.loads(context.run([CTRACE, "top", "--json", path]).check(status).stdout)


def _sites(context, path, member):
    """Sums by the names of whole stacks, root first, as formats.Recording.by_stack has them."""
    told, sums = _json(context, path), {}
    for site in told["sites"]:
        names = []
        for index in reversed(site["stack"]):
            frame = told["frames"][index]
            module = os.path.basename(frame.get("module", ""))
            names.append(frame.get("function") or (f"[{module}]" if module else "???"))
        if site.get(member):
            sums[tuple(names)] = sums.get(tuple(names), 0) + site[member]
    return sums


def _by_function(context, path, column):
    """What functions allocate themselves, by ctrace top."""
    shown = context.run([CTRACE, "top", "--by", "function", "--csv", path]).check().stdout
    return {row["function"]: int(row[column]) for row in csv.DictReader(io.StringIO(shown)) if int(row[column])}


def _compiled(context):
    context.write("app.c", SOURCE)
    context.run(["cc", "-g", "-O1", "-fno-builtin", "-o", "app", "app.c"]).check()
    return context.path("app")


def _field(number, content):
    """A field of protobuf: a number or bytes."""

    def varint(value):
        out = b""
        while True:
            out += bytes([value & 127 | (128 if value > 127 else 0)])
            value >>= 7
            if not value:
                return out

    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def _line(result, what):
    check_equal((result.status, len(result.stderr.splitlines())), (3, 1), f"{what}: {result.stderr[:300]}")
    return result.stderr


@test()
def own_exports(context):
    """ctrace's own pprof and heaptrack files have the same numbers, stack by stack; massif's tree those of the peak."""
    for make in formats.RECORDINGS:
        recording = make(context)
        for metric, key, kinds in (("totalBytes", "tb", "pprof heaptrack"), ("endBytes", "eb", "pprof heaptrack"), ("peakBytes", "gb", "pprof heaptrack")):
            for kind in kinds.split():
                got, wanted = _sites(context, recording.export(kind), metric), recording.by_stack(key)
                if kind == "pprof":  # its function names are short, as ctrace top shows them
                    got, wanted = sorted(got.values()), sorted(wanted.values())
                    check_equal(sum(got), sum(wanted), f"{kind}, {metric}")
                else:
                    check_equal(got, wanted, f"{kind}, {metric}")
        told = _json(context, recording.export("massif"))
        check_equal(told["totals"]["peakBytes"], recording.report.total("gb"), "massif: peak")
        check_equal(told["totals"]["endBytes"], recording.report.total("eb"), "massif: end")


@test(needs=("valgrind", "cc"))
def massif(context):
    """Valgrind's massif: the tree at the peak adds up to what the file says, and names what holds it."""
    out = context.path("massif.out")
    context.run(["valgrind", "-q", "--tool=massif", "--threshold=0.1", "--massif-out-file=" + out, _compiled(context)]).check()
    with open(out, encoding="utf-8") as file:
        text = file.read()
    peak = int(re.search(r"mem_heap_B=(\d+)\n(?:.*\n){2}heap_tree=peak", text).group(1))
    told = _json(context, out)
    check_equal(told["totals"]["peakBytes"], peak, "peak")
    check_equal(max(point["mostBytes"] for point in told["timeline"]), peak, "the timeline's highest point")
    check(_by_function(context, out, "peak-bytes")["keep"] >= 0.9 * peak, "what keep holds")
    shown = context.run([CTRACE, "top", out]).check().stdout
    check_in("from a file of Massif", shown, "where it comes from")
    check_in("keep app.c:4 < main", shown, "a stack with its line")
    context.run([CTRACE, "html", "-o", "page.html", out]).check()
    snapshots = text.count("\nsnapshot=")
    check_equal(len(told["timeline"]), snapshots, "points of time")


@test(needs=("heaptrack", "heaptrack_print", "cc", "zstd"))
def heaptrack_files(context):
    """heaptrack's own files, of gzip and of zstd, with the sums of heaptrack_print."""
    app = _compiled(context)
    context.run(["heaptrack", "-o", context.path("data"), app])  # the GUI cannot start, so the status says nothing
    made = glob.glob(context.path("data*"))
    check_equal(len(made), 1, "files of heaptrack")
    packed = made[0]
    plain = context.run(["zstd", "-dc", packed] if packed.endswith(".zst") else ["gzip", "-dc", packed]).check().stdout_bytes
    zipped = context.write("data.gz", gzip.compress(plain))
    told = _json(context, packed)
    check_equal(told["totals"], _json(context, zipped)["totals"], "gzip and zstd")
    text = heaptrack.printed(context, zipped)
    check_in(f"calls to allocation functions: {told['totals']['totalBlocks']} (", text, "heaptrack_print")
    for cost, member in (("allocations", "totalBlocks"), ("leaked", "endBytes"), ("peak", "peakBytes")):
        check_equal(told["totals"][member], heaptrack.printed_sum(context, zipped, cost), "heaptrack_print: " + cost)
    functions = _by_function(context, packed, "total-bytes")
    check_equal(functions["keep"], sum(4096 + i for i in range(1000)), "bytes of keep")
    check_equal(functions["work"], 5000 * 1000, "bytes of work")
    check_equal(_by_function(context, packed, "end-bytes")["keep"], sum(4096 + i for i in range(500, 1000)), "bytes of keep at the end")
    check("lifetime" not in told["totals"], "lifetimes, which the file does not have")


@test(needs=("zstd", "unshare", ZSTD))
def without_libzstd(context):
    """Without the library, the line says what is missing; the file is not called damaged."""
    if "libzstd" in context.run(["ldd", CTRACE]).stdout:
        raise Skip("a libelf that does without libzstd")
    path = context.write("data.zst", context.run(["zstd", "-c"], stdin=b"v 10400 3\nX app\n").check().stdout_bytes)
    hide = 'mount --bind /dev/null "$0" && exec "$@"'
    result = context.run(["unshare", "-m", "sh", "-c", hide, os.path.realpath(ZSTD), CTRACE, "top", path])
    if "unshare" in result.stderr or "mount" in result.stderr:
        raise Skip("the right to mount")
    check_in("libzstd.so.1 is not installed", _line(result, "without libzstd"), "the reason")


@test(needs=("google-pprof", TCMALLOC, "cc"))
def gperftools(context):
    """gperftools' dump, with names from the program's file; sums by function as google-pprof has them."""
    app = _compiled(context)
    context.run([app], env=context.environment(LD_PRELOAD=TCMALLOC, HEAPPROFILE=context.path("dump"))).check()
    (path,) = glob.glob(context.path("dump*.heap"))
    for option, column in (("--inuse_space", "end-bytes"), ("--alloc_space", "total-bytes"), ("--alloc_objects", "total-blocks")):
        result = context.run(["google-pprof", "--text", "--show_bytes", option, app, path]).check()
        wanted = {row[5]: int(row[0]) for row in map(str.split, result.stdout.splitlines()) if len(row) == 6 and row[0].isdigit() and int(row[0])}
        check_equal(_by_function(context, path, column), wanted, option)
    check_in("keep app.c:4 < main", context.run([CTRACE, "top", path]).check().stdout, "a stack with its line")


@test(needs=("jeprof", JEMALLOC, "cc"))
def jemalloc(context):
    """jemalloc's dump, exact and sampled, with jeprof's sums; the allocator's own frames are left out."""
    app = _compiled(context)
    for name, rate in (("exact", 0), ("sampled", 12)):
        options = f"prof:true,prof_final:true,prof_accum:true,lg_prof_sample:{rate},prof_prefix:{context.path(name)}"
        context.run([app], env=context.environment(LD_PRELOAD=JEMALLOC, MALLOC_CONF=options)).check()
        found = glob.glob(context.path(name + "*.heap"))
        if not found:
            raise Skip("jemalloc with profiling")
        for option, column in (("--inuse_space", "end-bytes"), ("--alloc_space", "total-bytes")):
            result = context.run(["jeprof", "--text", "--show_bytes", option, app, found[0]]).check()
            wanted = {row[5]: int(row[0]) for row in map(str.split, result.stdout.splitlines()) if len(row) == 6 and row[0].isdigit() and int(row[0])}
            got = _by_function(context, found[0], column)
            for function in ("keep", "work"):
                check(abs(got.get(function, 0) - wanted.get(function, 0)) <= 1, f"{name} {option} {function}: {got.get(function)}, jeprof {wanted.get(function)}")
        shown = context.run([CTRACE, "top", found[0]]).check().stdout
        check_in("keep app.c:4 < main", shown, "a stack with its line")
        check_equal("sampled, mean interval 4.00 KiB" in shown, bool(rate), "whether it is called a sample")


@test(needs="go")
def go(context):
    """Go's profiles, binary and as text, with the sums of go tool pprof; not those of the processor."""
    context.write("main.go", GO)
    env = context.environment(GOFLAGS="-mod=mod", GO111MODULE="off", GOCACHE=context.path("cache"))
    env["PATH"] += ":/usr/local/go/bin"
    context.run(["go", "build", "-o", "app", "main.go"], env=env).check()
    context.run([context.path("app")]).check()
    path = context.path("go.pb.gz")
    for sample_type, column in (("alloc_space", "total-bytes"), ("alloc_objects", "total-blocks"), ("inuse_space", "end-bytes"), ("inuse_objects", "end-blocks")):
        flat, total = formats.pprof_flat(context, path, sample_type)
        got = _by_function(context, path, column)
        check_equal(sum(got.values()), total, sample_type)
        for function in ("main.keep", "main.work"):
            check_equal(got.get(function, 0), flat.get(function, 0), f"{function}, {sample_type}")
        check_equal(_by_function(context, context.path("go.txt"), column).get("main.keep"), got.get("main.keep"), "as text: " + sample_type)
    check_in("main.keep main.go:8 < main.main < runtime.main", context.run([CTRACE, "top", path]).check().stdout, "a stack")
    check_in("a pprof profile, but of cpu, not of the heap", _line(context.run([CTRACE, "top", context.path("cpu.pb.gz")]), "cpu"), "the processor's")
    check_in("no difference", context.run([CTRACE, "diff", path, path]).check().stdout, "diff with itself")


@test(needs="go")
def sampled_text(context):
    """Sampled dumps of tcmalloc and Go stand for as much as in go tool pprof, to the byte."""
    entries = " 10: 200000 [ 30: 500000] @ 0x1000 0x2000\n 3: 48 [ 7: 112] @ 0x3000 0x2000\n 0: 0 [ 1: 9000000] @ 0x4000\n"
    for kind in ("heap_v2/524288", "heap/1048576", "heap_v2/1", "heapprofile"):
        path = context.write("dump", f"heap profile: 13: 200048 [ 38: 9500112] @ {kind}\n{entries}")
        raw = context.run(["go", "tool", "pprof", "-raw", path]).check().stdout
        wanted = [sum(column) for column in zip(*(map(int, row.split()) for row in re.findall(r"^((?: +\d+){4}): ", raw, re.M)))]
        totals = _json(context, path)["totals"]
        check_equal([totals[name] for name in ("totalBlocks", "totalBytes", "endBlocks", "endBytes")], wanted, kind)


HEAP_ONLY = b"heap profile: 2: 300 [ 2: 300] @ heapprofile\n 1: 100 [ 1: 100] @ 0x10\n 1: 200 [ 1: 200] @ 0x20 0x10\n"
MASSIF = (
    b"desc: -\ncmd: ./app\ntime_unit: ms\n"
    b"#-----------\nsnapshot=0\n#-----------\ntime=0\nmem_heap_B=0\nmem_heap_extra_B=0\nmem_stacks_B=0\nheap_tree=empty\n"
    b"#-----------\nsnapshot=1\n#-----------\ntime=9\nmem_heap_B=300\nmem_heap_extra_B=0\nmem_stacks_B=0\nheap_tree=peak\n"
    b"n2: 300 (heap allocation functions) malloc/new/new[], --alloc-fns, etc.\n n0: 200 0x1: leaf (a.c:1)\n n0: 100 0x2: other (a.c:2)\n"
    b"#-----------\nsnapshot=2\n#-----------\ntime=10\nmem_heap_B=5\nmem_heap_extra_B=0\nmem_stacks_B=0\nheap_tree=empty\n"
)


@test()
def absent_numbers(context):
    """What a file does not know is nowhere shown as 0: neither in tables nor in other formats."""
    live, peak = context.write("live.heap", HEAP_ONLY), context.write("m.out", MASSIF)
    cases = {live: ({"endBytes": 300, "endBlocks": 2}, "END"), peak: ({"peakBytes": 300}, "PEAK")}
    for path, (known, head) in cases.items():
        told = _json(context, path)
        for counters in (told["totals"], *told["sites"]):
            check_equal({name for name in METRICS if name in counters}, set(known), "members of " + path)
        check_equal({name: told["totals"][name] for name in known}, known, "totals")
        shown = context.run([CTRACE, "top", path]).check().stdout
        heads = [line for line in shown.splitlines() if line.endswith("WHERE")][0].split()
        check_equal(heads, [head, "%", "SUM%", "WHERE"], "columns")
        check(not re.search(r"^(total|pid)|\b0 blocks| 0 s\b", shown, re.M), "a number that is not there: " + shown)
        check_equal(context.run([CTRACE, "top", "--sort", "total", path]).status, 2, "sort by what is not there")
        check_equal(context.run([CTRACE, "top", "--sort", "lifetime", path]).status, 2, "sort by what is not there")
        for words in (["--tree"], ["--by", "function", "--cum"], ["--csv"], ["--peek", "."]):
            context.run([CTRACE, "top", *words, path]).check()
        rows = context.run([CTRACE, "trend", path, path]).check().stdout.splitlines()
        check(rows[1].count(" - ") >= 2, "absent in a trend: " + rows[1])
        budget = context.write("budget", "total <= 1\n")
        check_equal(context.run([CTRACE, "check", path, "-b", budget]).status, 2, "a rule about what is not there")
        for name in ("dhat", "massif", "heaptrack"):
            result = context.run([CTRACE, "export", "-f", name, "-o", "x", path])
            check_equal((result.status, os.path.exists(context.path("x"))), (2, False), f"export to {name}")
        for name in ("pprof", "folded", "svg", "speedscope", "callgrind", "dot", "heapprofile", "json"):
            context.run([CTRACE, "export", "-f", name, "-o", "x", path]).check()
            os.remove(context.path("x"))
        context.run([CTRACE, "info", path]).check()
        smaller = context.write("smaller", open(path, "rb").read().replace(b"200", b"100").replace(b"300", b"200"))
        shown = context.run([CTRACE, "diff", smaller, path]).check().stdout
        check_in("+100   B", shown, "the change")
        check("MORE" not in shown and "BIGGER" not in shown, "causes that cannot be known: " + shown)
        told = json.loads(context.run([CTRACE, "diff", "-f", "json", smaller, path]).check().stdout)
        check_equal(told["rows"][0]["causes"], {}, "causes in JSON")
    result = context.run([CTRACE, "diff", live, peak])
    check_equal((result.status, len(result.stderr.splitlines())), (2, 1), "nothing in common: " + result.stderr)
    check_in("advice needs all allocations", context.run([CTRACE, "advise", live]).stderr, "advise")


@test(needs=browser.NEEDS)
def absent_in_page(context):
    """The page has neither cards nor columns for what a file does not know."""
    for path, card in ((context.write("live.heap", HEAP_ONLY), "At end"), (context.write("m.out", MASSIF), "Peak")):
        context.run([CTRACE, "html", "-o", "page.html", path]).check()
        with browser.Browser() as page:
            page.open("file://" + context.path("page.html"))
            page.wait("return !document.querySelector('[aria-busy]')", "the page")
            text = page.run("return document.body.innerText")
            check(not re.search(r"NaN|undefined|null", text), "the page: " + text[:2000])
            check_in("300 B", text, "the page")
            check("ran 0 s" not in text and "from a file of" in text, "the page's head: " + text[:300])
            cards = page.run("return [...document.querySelectorAll('#summary button')].map((card) => card.innerText.split('\\n')[0])")
            check_equal(cards, [card], "cards")
            check_equal(page.console_errors(), [], "the console")


@test(needs="cc")
def damaged(context):
    """Files that are cut off or changed cause one line; memory stays bounded, whatever they say."""
    recording = formats.thread_recording(context)
    files = {}
    for kind in ("pprof", "heaptrack"):
        with gzip.open(recording.export(kind), "rb") as file:
            files[kind] = file.read()
    with open(recording.export("massif"), "rb") as file:
        files["massif"] = file.read()
    files["text"] = HEAP_ONLY + b"\nMAPPED_LIBRARIES:\n10-30 r-xp 00000000 08:01 1 /bin/true\n"
    limited = lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))  # noqa: E731
    chance = random.Random(17)
    for kind, data in files.items():
        changed = [data[: len(data) * part // 23] for part in range(1, 23)]
        for _ in range(40):
            bytes_ = bytearray(data)
            for _ in range(chance.randint(1, 4)):
                bytes_[chance.randrange(len(bytes_))] = chance.randrange(256)
            changed.append(bytes(bytes_))
        for i, content in enumerate(changed):
            path = context.write("changed", content)
            result = context.run([CTRACE, "top", path], preexec_fn=limited)
            check(result.status in (0, 2, 3), f"{kind} {i}: status {result.status}, {result.stderr[:300]}")
            lines = [line for line in result.stderr.splitlines() if not line.startswith("ctrace top: names: ")]
            check_equal(len(lines), 0 if result.status == 0 else 1, f"{kind} {i}: lines on stderr: {result.stderr}")
    # A location with many inlined functions, in each of many samples: far more frames than bytes.
    line = _field(4, _field(1, 1))
    bomb = b"".join(_field(1, _field(1, name)) for name in (1, 2)) + _field(4, _field(1, 1) + line * 60)
    bomb += _field(2, _field(1, b"\1" * 1000) + _field(2, b"\1\1")) * 100 + b"".join(_field(6, word) for word in (b"", b"inuse_objects", b"inuse_space"))
    path = context.write("bomb", gzip.compress(bomb))
    check_in("far more frames", _line(context.run([CTRACE, "top", path], preexec_fn=limited), "bomb"), "bomb")


@test()
def in_views(context):
    """diff, html and merge take them beside ctrace's own recordings, by the numbers that both have."""
    recording = formats.python_recording(context)
    other = recording.export("pprof")
    shown = context.run([CTRACE, "diff", recording.path, other]).check().stdout
    check_in("no difference", shown, "diff")
    context.run([CTRACE, "html", "-o", "x.html", recording.path, other]).check()
    context.run([CTRACE, "merge", "-q", "-f", "json", "-o", "x.json", other, other]).check()
    with open(context.path("x.json"), encoding="utf-8") as file:
        told = json.load(file)
    check_equal(told["totals"]["totalBytes"], 2 * recording.report.total("tb"), "merged")
    check("lifetime" not in told["totals"] and "maxBytes" not in told["totals"], "numbers that no input has")
    trace.run(context, [PYTHON, "-S", "-c", "pass"], out="own.json")
    check_in("own", context.run([CTRACE, "trend", context.path("own.json"), other]).check().stdout, "trend")
