# SPDX-License-Identifier: MIT
"""Mappings by call stack (ctrace record --mmap): the program's own, malloc's, and stacks of threads, beside the heap."""

import glob
import json
import os
import re
import subprocess

from lib import dhat, trace
from lib.harness import CTRACE, LIBRARY, PYTHON, check, check_equal, check_in, program, test

MMAP_LIBRARY = os.path.join(os.path.dirname(LIBRARY), "libctrace-mmap.so")
BOTH = f"{LIBRARY}:{MMAP_LIBRARY}"
PAGE = 4096
NAMES = ("map_a", "map_b", "map_c", "remap", "grow_break", "set_break")


def record(context, *words, status=0, out="m.json", **changes):
    return trace.run(context, words, status, out=out, CTRACE_MMAP=1, **{"LD_PRELOAD": BOTH, **changes})


def load(context, name="m.mappings.json"):
    report = dhat.load(context.path(name))
    check_equal((report.data["mode"], report.data["verb"], report.data["bksu"]), ("mappings", "Mapped", "mappings"), "head")
    return report


def by_function(report, keys=("eb", "ebk")):
    """Sums by the program's function that calls mmap or one of its kin."""
    found = {}
    for site in report.sites:
        name = next((name for name in site.functions() if name in NAMES), None)
        if name:
            found[name] = [old + site[key] for old, key in zip(found.get(name, [0] * len(keys)), keys)]
    return found


@test()
def sites(context):
    """Parts that are unmapped or replaced, mremap and the break count where the mapping was made; failed calls do not."""
    record(context, program("mappings"), "sites", "end")
    report = load(context)
    wanted = {
        "map_a": [75 * PAGE, 1, 100 * PAGE, 1],
        "map_b": [40 * PAGE, 1, 50 * PAGE, 1],
        "map_c": [65 * PAGE, 2, (5 + 8 + 4 + 60) * PAGE, 4],
        "grow_break": [7000, 1, 10000, 1],
        "set_break": [512, 1, 512, 1],
    }
    found = by_function(report, ("eb", "ebk", "tb", "tbk"))
    check_equal(found, wanted, "bytes and mappings by function")


@test()
def as_the_kernel(context):
    """Random calls over each other: total, live, maximum and at the peak equal those of a model of each page, and the kernel."""
    for seed in range(1, 9):
        lines = record(context, program("mappings_random"), str(seed)).stdout.splitlines()
        kernel = int(lines[0].split()[1])
        model = {line.split()[0]: [int(word) for word in line.split()[1:]] for line in lines[1:]}
        found = by_function(load(context), ("tb", "tbk", "eb", "ebk", "mb", "gb", "mvk"))
        check_equal({**{name: [0] * 7 for name in model}, **found}, model, f"sums by function, seed {seed}")
        check_equal(sum(row[2] for row in found.values()), kernel, f"bytes in /proc/self/maps, seed {seed}")


@test()
def threads(context):
    """A thread's stack counts from its start to its end, as large as the kernel's mapping, guard included."""
    kernel = [int(line) for line in record(context, program("mappings"), "threads", out="t%p.json").stdout.split()]
    reports = [load(context, name) for name in sorted(os.listdir(context.folder)) if name.endswith(".mappings.json")]
    check_equal(len(reports), 2, "reports")
    stacks = [[site for site in report.sites if site.functions()[:2] == ["[stack of a thread]", "create"]] for report in reports]
    parent = next(i for i in range(2) if "map_a" not in by_function(reports[i]))
    # The main thread forked, so its child has none of the others.
    check_equal(sum(site["eb"] for site in stacks[1 - parent]), 0, "stacks in the child")
    check_equal(by_function(reports[1 - parent])["map_a"], [3 * PAGE, 1], "mappings in the child")
    rows = stacks[parent]
    small = 2 * ((128 << 10) + PAGE)
    check_equal(sum(site["tbk"] for site in rows), 5 + 2 + 2, "stacks")
    check_equal(sum(site["tb"] for site in rows), sum(kernel) + 2 * kernel[0] + small, "bytes of stacks")
    check_equal(sum(site["eb"] for site in rows), small, "bytes of the stacks that are there at the end")
    check(not any(site.calls_from("create_with_own_stack") for report in reports for site in report.sites), "a stack that the program gave")


@test()
def races(context):
    """Four threads map and unmap at the same time; nothing is left over."""
    record(context, program("mappings"), "races")
    found = by_function(load(context), ("tbk", "eb", "ebk"))
    check_equal((found["map_a"], found["map_b"]), ([12000, 0, 0], [16000, 0, 0]), "calls, and what is left")


@test()
def in_handlers(context):
    """A handler may map while it interrupts the tracer; that is recorded or counted, and leaves nothing behind."""
    handled = int(record(context, program("mappings"), "handlers").stdout)
    report = load(context)
    sums = report.below("map_in_handler")
    dropped = report.data["ctrace"]["losses"]["dropped"]
    check(sums["tbk"] > 0, "no mapping of a handler")
    check(handled * 9 // 10 < sums["tbk"] + dropped <= handled, f"{sums['tbk']} recorded, {dropped} dropped, of {handled}")
    check_equal(report.total("eb"), 0, "left over")
    check_equal(dhat.check_file(context.path("m.json")).own["losses"]["dropped"], 0, "the heap's losses")


@test()
def of_children(context):
    """A forked child inherits the mappings; what a child of vfork maps is its parent's."""
    record(context, program("mappings"), "fork", out="f%p.json")
    found = [by_function(load(context, name)) for name in os.listdir(context.folder) if name.endswith(".mappings.json")]
    parent, child = {"map_a": [10 * PAGE, 1], "map_b": [20 * PAGE, 1]}, {"map_a": [6 * PAGE, 1], "map_c": [7 * PAGE, 1]}
    check_equal(sorted(found, key=str), sorted([parent, child], key=str), "mappings at the end of both processes")


@test()
def apart_from_the_heap(context):
    """Mappings, events and the heap have a report each; a pause leaves mappings out; the heap's report is as without."""
    record(context, program("mappings"), "paused", CTRACE_KEEP_STORE=1)
    check_equal(by_function(load(context)), {"map_b": [3 * PAGE, 1]}, "mappings")
    check_equal(dhat.load(context.path("m.events.json")).total("tb"), 1000, "events")
    check_equal(dhat.check_file(context.path("m.json")).total("tb"), 50, "the heap")
    info = context.run([CTRACE, "info", "m.json.store"]).check().stdout
    check("FAILED" not in info, f"checks of the store: {info}")
    context.run([CTRACE, "export", "--mappings", "-o", "x.json", "m.json.store"]).check()
    check_equal(load(context, "x.json").data["pps"], load(context).data["pps"], "export --mappings")
    check_equal(context.run([CTRACE, "export", "--mappings", "-o", "-", "m.json"]).status, 2, "--mappings of a report")
    check_in("MAPPINGS", context.run([CTRACE, "top", "m.mappings.json"]).check().stdout, "ctrace top")
    words = (program("mappings"), "threads")
    runs = (lambda: trace.run(context, list(words), out="h.json", CTRACE_CHILDREN=0),
            lambda: record(context, *words, out="h.json", CTRACE_CHILDREN=0))
    trace.check_same_heap(context, runs, 2, "sites of pthread_create")


@test()
def nothing_without_the_option(context):
    """Without CTRACE_MMAP the second library changes nothing; CTRACE_MMAP alone says what is missing."""
    plain = context.run([program("mappings_random"), "7"]).check().stdout
    for preload in (MMAP_LIBRARY, BOTH):
        alone = context.run([program("mappings_random"), "7"], env=trace.environment(context, "c.json", LD_PRELOAD=preload)).check()
        check_equal((alone.stdout, alone.stderr), (plain, ""), f"random calls with {preload}, without CTRACE_MMAP")
    check(not glob.glob(context.path("*.mappings.json")), "a report of mappings")
    result = trace.run(context, [program("mappings"), "paused"], out="c.json", CTRACE_MMAP=1, CTRACE_QUIET=0)
    check_in("CTRACE_MMAP=1 needs libctrace-mmap.so in LD_PRELOAD", result.stderr, "stderr")
    seen = record(context, "sh", "-c", "env", CTRACE_CHILDREN=0).stdout
    check("LD_PRELOAD" not in seen, f"the child's environment: {seen}")
    check_in("from the program's start only", context.run([CTRACE, "attach", "--mmap", "1"]).check(2).stderr, "attach --mmap")


@test()
def after_a_kill(context):
    """A store that a kill has left fits together, whatever was being changed."""
    for _ in range(5):
        words = [program("mappings"), "killed"]
        process = subprocess.Popen(words, env=trace.environment(context, "k.json", LD_PRELOAD=BOTH, CTRACE_MMAP=1), stdout=subprocess.PIPE)
        check_equal(process.stdout.readline(), b"ready\n", "output")
        process.kill()
        process.wait()
        context.run([CTRACE, "export", "--mappings", "-o", "k.mappings.json", "k.json.store"]).check()
        found = by_function(load(context, "k.mappings.json"), ("eb", "ebk", "tb", "tbk"))
        check_equal(found["map_c"], [9 * PAGE, 1, 9 * PAGE, 1], "the first mapping")
        live, mappings, total, calls = found.get("map_a", [0, 0, 0, 0])
        check_in((live, mappings), [(0, 0), (5 * PAGE, 1), (4 * PAGE, 1)], "what was mapped then")
        check_equal(total, 5 * PAGE * calls, "bytes of all calls")
        os.remove(context.path("k.json.store"))


@test(needs=("perl", PYTHON))
def real_programs(context):
    """Programs do the same with and without; Python's mmap module has a row."""
    script = "import mmap, threading; kept = mmap.mmap(-1, 1234567); threads = [threading.Thread(target=print, args=('x',)) for _ in range(3)]; [(t.start(), t.join()) for t in threads]; print(len(kept))"
    for words in ([PYTHON, "-c", script], ["perl", "-e", 'my %h; $h{$_} = "x$_" for 1 .. 2000; print scalar keys %h'],
                  ["sh", "-c", "seq 3000 | sort -r | head -3"]):
        check_equal(record(context, *words, out="r%p.json").stdout, context.run(words).check().stdout, f"output of {words}")
    reports = [load(context, name) for name in os.listdir(context.folder) if name.endswith(".mappings.json")]
    sizes = [site["tb"] for report in reports for site in report.sites if site["tbk"] == 1]
    check_in((1234567 + PAGE - 1) // PAGE * PAGE, sizes, "the mapping of Python's mmap")
    stacks = [site for report in reports for site in report.sites if site.functions()[0] == "[stack of a thread]"]
    check(sum(site["tbk"] for site in stacks) >= 3, f"stacks: {[site['tbk'] for site in stacks]}")


def _fold_log(path):
    """Total bytes and mappings, and bytes at the end, of the calls that liblog_maps.so has logged."""
    total, count, pages = 0, 0, set()
    with open(path, encoding="ascii") as log:
        for line in log:
            call, address, size, new_size, result = line[0], *map(int, line[1:].split())
            if call in "ur" and result != -1:
                pages.difference_update(range(address // PAGE, (address + size + PAGE - 1) // PAGE))
            if call in "mr" and result != -1:
                new_pages = ((new_size if call == "r" else size) + PAGE - 1) // PAGE
                pages.update(range(result // PAGE, result // PAGE + new_pages))
                total, count = total + new_pages * PAGE, count + 1
    return total, count, len(pages) * PAGE


@test(needs=(PYTHON, "node"))
def as_logged(context):
    """python3 and node with threads, that map, resize and unmap: the sums are those of another library's log of the calls."""
    script = "import mmap, threading\nkept = [mmap.mmap(-1, n << 12) for n in range(1, 40)]\nfor n, one in enumerate(kept):\n one.close() if n % 3 else one.resize(n + 9 << 14)\n"
    script += "threads = [threading.Thread(target=lambda: [str(n) for n in range(30000)]) for _ in range(4)]\nfor one in threads: one.start()\nfor one in threads: one.join()\n"
    said = []
    for name, words in (("python", [PYTHON, "-c", script]), ("node", ["node", "-e", "const all = []; for (let i = 0; i < 20000; i++) all.push(i + 's')"])):
        log = context.path(f"log-{name}")
        record(context, *words, out=f"{name}-%p.json", LD_PRELOAD=f"{program('liblog_maps.so')}:{BOTH}", MAPS_LOG=log)
        for path in glob.glob(log + ".*"):
            report = load(context, f"{name}-{path.rsplit('.', 1)[1]}.mappings.json")
            rows = [site for site in report.sites if site.functions()[0] != "[stack of a thread]"]
            ours = tuple(sum(site[key] for site in rows) for key in ("tb", "tbk", "eb"))
            check_equal(ours, _fold_log(path), f"{name}: total bytes and mappings, and bytes at the end")
            said.append(f"{name}: {ours[0]} B in {ours[1]}")
    check(any(one.startswith("node") for one in said) and any(one.startswith("python") for one in said), f"processes: {said}")
    return ", ".join(said)


@test(needs=PYTHON)
def allocators(context):
    """What another allocator maps for itself is one row; Python's own arenas stay rows of the program."""
    libraries = [path for name in ("jemalloc", "mimalloc", "tcmalloc_minimal") for path in sorted(glob.glob(f"/usr/lib/*/lib{name}.so.[0-9]"))[:1]]
    words = [PYTHON, "-c", "kept = [bytearray(100) for _ in range(200000)]; print(len(kept))"]
    for path in libraries:
        plain = context.run(words).check().stdout
        check_equal(record(context, *words, LD_PRELOAD=f"{BOTH}:{path}").stdout, plain, f"output with {path}")
        own = [site for site in load(context).sites if site.functions() == ["[malloc's own mappings]"]]
        check_equal(len(own), 1, f"rows of the allocator with {path}")
        check(own[0]["mb"] >= 1 << 20, f"{own[0]['mb']} bytes with {path}")
        arenas = [site for site in load(context).sites if "_PyObject_Arena" in str(site.functions()) or site["tbk"] >= 10 and site is not own[0]]
        check(sum(site["tb"] for site in arenas) > 10 << 20, f"Python's arenas with {path}")


@test(needs="valgrind")
def as_massif(context):
    """Massif's --pages-as-heap has the same bytes at the end, except that a mapping in place of another does not end that one."""
    out = context.path("massif.out")
    context.run(["valgrind", "-q", "--tool=massif", "--pages-as-heap=yes", "--threshold=0", "--detailed-freq=1", f"--massif-out-file={out}",
                 program("mappings"), "sites", "end"]).check()
    with open(out, encoding="utf-8") as file:
        last = file.read().split("snapshot=")[-1]
    theirs = {}
    for size, name in re.findall(r"n\d+: (\d+) 0x[0-9A-F]+: (map_[abc]) \(", last):
        theirs[name] = theirs.get(name, 0) + int(size)
    record(context, program("mappings"), "sites", "end")
    ours = {name: row[0] for name, row in by_function(load(context)).items() if name.startswith("map_")}
    check_equal(theirs["map_b"], ours["map_b"], "bytes of map_b in Massif and here")
    check_equal(theirs["map_a"], ours["map_a"] + 5 * PAGE, "bytes of map_a in Massif and here")


@test()
def of_a_running_program(context):
    """The store of a running program is read, and the kernel's own list has the same bytes of one file."""
    path = context.path("data")
    with open(path, "wb") as file:
        file.truncate(1 << 20)
    script = f"import mmap, sys; f = open({path!r}, 'r+b'); kept = [mmap.mmap(f.fileno(), 100000, offset=i * 4096) for i in range(5)]; kept.pop().close(); print('ready', flush=True); sys.stdin.read()"
    process = subprocess.Popen([PYTHON, "-c", script], env=trace.environment(context, "l.json", LD_PRELOAD=BOTH, CTRACE_MMAP=1),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    check_equal(process.stdout.readline(), b"ready\n", "output")
    with open(f"/proc/{process.pid}/maps", encoding="utf-8") as file:
        ranges = [line.split()[0].split("-") for line in file if line.rstrip().endswith(path)]
    context.run([CTRACE, "export", "--mappings", "-o", "l.mappings.json", "l.json.store"]).check()
    kernel = sum(int(end, 16) - int(start, 16) for start, end in ranges)
    found = [site["eb"] for site in load(context, "l.mappings.json").sites if site["tb"] == 5 * 102400]
    process.communicate()
    check_equal(found, [kernel], "bytes of the file in /proc/PID/maps, and of its row")
