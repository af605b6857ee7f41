# SPDX-License-Identifier: MIT
"""Copies by call stack (ctrace record --copy): what memcpy, strcpy and their kin copy, beside the heap."""

import json
import os
import re

from lib import browser, dh_view, dhat, oracle, trace
from lib.harness import CTRACE, LIBRARY, PYTHON, check, check_equal, check_in, program, test

COPY_LIBRARY = os.path.join(os.path.dirname(LIBRARY), "libctrace-copy.so")
BOTH = f"{LIBRARY}:{COPY_LIBRARY}"

# Valgrind replaces strcat and strncat, but counts nothing. It leaves the wide ones to the C library, and sees their copies only if
# that builds them from functions that Valgrind has replaced (glibc 2.36 does; 2.41 does not with AVX2).
NOT_IN_VALGRIND = {"copy_strcat": (6 * 27, 6), "copy_strncat": (7 * 9, 7)}
SOMETIMES_IN_VALGRIND = {"copy_wcpcpy": (6 * 23 * 4, 6), "copy_wcscat": (6 * 23 * 4, 6), "copy_wcsncat": (224, 7)}


def record(context, *words, status=0, out="c.json", **changes):
    return trace.run(context, words, status, out=out, CTRACE_COPY=1, **{"LD_PRELOAD": BOTH, **changes})


def by_stack(report, outermost="main"):
    """Bytes and copies by the names of the program's functions, from the one that copies to main."""
    found = {}
    for site in report.sites:
        names = [re.sub(r"@+[A-Z]\w*[\d.]*$", "", frame.function) for frame in site.frames]
        first = next((i for i, name in enumerate(names) if name.startswith("copy_")), None)
        if first is None or outermost not in names:
            continue
        row = found.setdefault(tuple(names[first : names.index(outermost)]), [0, 0])
        row[0] += site["tb"]
        row[1] += site["tbk"]
    return found


def load(context, name="c.copies.json"):
    return dhat.load(context.path(name))


@test(needs=oracle.needs())
def as_valgrind(context):
    """Each site's copies and bytes equal those of Valgrind's DHAT in its copy mode."""
    out = context.path("valgrind.json")
    options = ["-q", "--tool=dhat", "--mode=copy", "--num-callers=500", "--dhat-out-file=" + out]
    context.run([oracle.valgrind(), *options, program("copies")]).check()
    record(context, program("copies"))
    theirs, ours = by_stack(dhat.load(out, repeated=True)), by_stack(load(context))
    expected = {**NOT_IN_VALGRIND, **SOMETIMES_IN_VALGRIND}
    more = {stack: row for stack, row in ours.items() if stack[0] in expected}
    check_equal({stack[0]: tuple(row) for stack, row in more.items()}, expected, "what Valgrind may not count")
    both = [stack for stack in ours if stack not in more or stack in theirs and stack[0] in SOMETIMES_IN_VALGRIND]
    check_equal({stack: ours[stack] for stack in both}, theirs, "copies by stack")
    check(len(theirs) in (22, 25), f"{len(theirs)} functions that copy")


@test()
def nothing_else_changes(context):
    """The functions return and write the same, the heap's report has the same sites, and without --copy there is no hook."""
    for what in ("random", "early"):
        plain = context.run([program("copies"), what]).check().stdout
        for preload in (COPY_LIBRARY, BOTH):
            alone = context.run([program("copies"), what], env=trace.environment(context, "c.json", LD_PRELOAD=preload)).check()
            check_equal((alone.stdout, alone.stderr), (plain, ""), f"{what} with {preload}, without CTRACE_COPY")
        check(not os.path.exists(context.path("c.copies.json")), "copies without CTRACE_COPY")
        check_equal(record(context, program("copies"), what, out="d.json").stdout, plain, what)
    runs = (lambda: trace.run(context, [program("copies")], out="h.json"), lambda: record(context, program("copies"), out="h.json"))
    trace.check_same_heap(context, runs, 4, "sites of strdup and its kin")


@test()
def checked_functions(context):
    """Programs built with _FORTIFY_SOURCE call __memcpy_chk and its kin: they are counted, and still end an overflow."""
    result = record(context, program("copies"), "checked", status=-6)
    check_in("*** buffer overflow detected ***", result.stderr, "stderr")
    context.run([CTRACE, "export", "c.json.store"]).check()
    sums = {stack[0]: row for stack, row in by_stack(load(context)).items()}
    check_equal(sums["copy_checked"], [4 + 27 + 23 * 4, 3], "copies before the overflow")


@test()
def in_handlers(context):
    """A handler on a stack of 8 KiB may copy, even as the process's first copy; what it interrupts loses nothing of the heap."""
    result = record(context, program("copies"), "handlers")
    report = load(context)
    counted = sum(site["tbk"] for site in report.sites if site.functions()[0] == "copy_in_handler")
    handled = int(result.stdout)
    dropped = report.data["ctrace"]["losses"]["dropped"]
    check(counted >= 1, "no copy of a handler")
    # A few interrupt the tracer's slow work, where nothing is counted.
    check(counted + dropped > handled * 9 // 10, f"{counted} copies counted, {dropped} dropped, of {handled}")
    check_equal(dhat.check_file(context.path("c.json")).own["losses"]["dropped"], 0, "the heap's losses")


@test()
def of_children(context):
    """A forked child that only copies has a report; the copies of a vfork child belong to its parent."""
    record(context, program("copies"), "fork", out="f%p.json")
    found = [name for name in os.listdir(context.folder) if name.endswith(".copies.json")]
    sums = [by_stack(load(context, name)) for name in found]
    check_in({("copy_in_child", "in_children"): [21, 1]}, sums, f"copies of the child in {found}")


@test()
def apart_from_events(context):
    """Copies, ad-hoc events and the heap have a report each; a pause leaves copies out; a folder has all of them."""
    said = record(context, program("copies"), "paused", CTRACE_KEEP_STORE=1, CTRACE_QUIET=0).stderr
    for kind in ("copies", "events"):
        check_in(f"ctrace: {kind}: report " + context.path(f"c.{kind}.json"), said, "what it says at its end")
    copies, events = load(context), dhat.load(context.path("c.events.json"))
    check_equal((copies.data["mode"], copies.data["verb"], copies.data["bklt"]), ("copy", "Copied", False), "head")
    check_equal((copies.total("tb"), copies.total("tbk")), (5, 1), "copies")
    check_equal((events.total("tb"), events.total("tbk")), (1000, 1), "events")
    check_equal(dhat.check_file(context.path("c.json")).total("tb"), 0, "the heap")
    context.run([CTRACE, "export", "--copies", "-o", "x.json", "c.json.store"]).check()
    check_equal(load(context, "x.json").data["pps"], copies.data["pps"], "export --copies")
    check_equal(context.run([CTRACE, "export", "--copies", "-o", "-", "c.json"]).status, 2, "--copies of a report")
    check_in("COPIED", context.run([CTRACE, "top", "c.copies.json"]).check().stdout, "ctrace top")
    context.run([CTRACE, "record", "-q", "--copy", "-o", "folder/", program("copies"), "paused"]).check()
    names = [name for _, _, found in os.walk(context.path("folder")) for name in found]
    check_equal(len([name for name in names if name.endswith(".copies.json")]), 1, f"reports of copies in {names}")
    # Beyond the limit of sites, copies are dropped, and the heap lacks nothing.
    record(context, program("copies"), "paused", CTRACE_MAX_SITES=1, CTRACE_KEEP_STORE=1, out="few.json")
    check(not os.path.exists(context.path("few.copies.json")), "copies without a site")
    check_equal(dhat.check_file(context.path("few.json"), lossless=False).own["losses"]["dropped"], 1, "the event without a site")


@test()
def without_the_second_library(context):
    """CTRACE_COPY alone says what is missing; a process that is left out is given neither library."""
    result = trace.run(context, [program("copies")], out="c.json", CTRACE_COPY=1, CTRACE_QUIET=0)
    check_in("CTRACE_COPY=1 needs libctrace-copy.so in LD_PRELOAD", result.stderr, "stderr")
    check(not os.path.exists(context.path("c.copies.json")), "a report of copies")
    seen = record(context, "sh", "-c", "env", CTRACE_CHILDREN=0).stdout
    check("LD_PRELOAD" not in seen, f"the child's environment: {seen}")
    refused = context.run([CTRACE, "attach", "--copy", "1"])
    check_equal(refused.status, 2, "attach --copy")
    check_in("from the program's start only", refused.stderr, "attach --copy")


@test(needs=("sqlite3", "perl", "git", PYTHON))
def real_programs(context):
    """Programs do the same with and without; what they copy is found in their libraries too."""
    script = "import json, zlib; print(len(zlib.compress(json.dumps(list(range(5000))).encode())))"
    for words in ([PYTHON, "-c", script], ["perl", "-e", 'my %h; $h{$_} = "x$_" for 1 .. 2000; print scalar keys %h'],
                  ["sqlite3", ":memory:", "create table t(a); insert into t values(hex(zeroblob(3000))); select length(a) from t;"],
                  ["sh", "-c", "seq 3000 | sort -r | head -3; git --version"]):
        plain = context.run(words).check().stdout
        check_equal(record(context, *words, out="r%p.json").stdout, plain, f"output of {words}")
    reports = [load(context, name) for name in os.listdir(context.folder) if name.endswith(".copies.json")]
    check(len(reports) >= 4, f"reports: {len(reports)}")
    libraries = {frame.module for report in reports for site in report.sites for frame in site.frames[:1]}
    check(any("libsqlite3" in library for library in libraries), f"copies of libsqlite3 among {libraries}")


@test(needs="musl-gcc")
def musl(context):
    """A musl program that a recorded one starts is unharmed."""
    source = '#include <stdio.h>\n#include <string.h>\nint main(int n, char **v) { char to[99]; memcpy(to, v[0], 2); strcpy(to + 1, v[0]); puts(to); return 0; }\n'
    context.write("app.c", source)
    context.run(["musl-gcc", "-O0", "-fno-builtin", "-o", "app", "app.c"]).check()
    check_equal(record(context, "sh", "-c", "./app; exit $?").stdout, "../app\n", "output")


@test(needs=browser.NEEDS + (dh_view.PAGE,))
def in_dh_view(context):
    """Valgrind's own viewer opens a report of copies and shows its totals."""
    record(context, program("copies"))
    with open(context.path("c.copies.json"), encoding="utf-8") as file:
        points = json.load(file)["pps"]
    with browser.Browser() as page:
        shown = dh_view.load(page, context.path("c.copies.json"))
    check_equal((shown.error, shown.console), ("", []), "dh_view's error, its console")
    wanted = (sum(point["tb"] for point in points), sum(point["tbk"] for point in points))
    check_equal((shown.totals["total_bytes"], shown.totals["total_blocks"]), wanted, "totals that dh_view shows")
