# SPDX-License-Identifier: MIT
"""Histograms of sizes and lifetimes. Those of every report are checked in lib/dhat.py, and bucket by bucket in reference.py."""

import json
import os
import re

from lib import browser, dhat, trace
from lib.harness import BUILD, CTRACE, CTRACE_TOP, PYTHON, check, check_equal, check_in, program, test
from lib.screen import Terminal

PAGE = os.path.join(BUILD, "share", "ctrace", "report.html")  # make html
SIZES = {
    "allocate_small": {4: 100, 5: 100, 6: 100},
    "allocate_large": {21: 5},
    "allocate_kept": {6: 7},
    "allocate_mixed": {7: 39, 22: 1},
    "allocate_grown": {3: 1, 6: 1, 9: 1},
}


def record(context, **changes):
    """The report of the program, and its path."""
    trace.run(context, [program("lived")], out="lived.json", **changes)
    return dhat.check_file(context.path("lived.json")), context.path("lived.json")


def of(report, function):
    sites = [site for site in report.sites if site.calls_from(function)]
    check_equal(len(sites), 1, f"sites of {function}")
    return sites[0]


def second(report):
    """The lowest bucket whose lifetimes are all above a second."""
    return next(b for b in range(64) if (report.own["tickFs"] << b) >= 10**15)


@test()
def known_blocks(context):
    report, path = record(context)
    for function, sizes in SIZES.items():
        site = of(report, function)
        check_equal(site.sizes, sizes, function)
        long = sum(blocks for bucket, blocks in site.lifetimes.items() if bucket >= second(report) - 1)
        freed = {"allocate_large": 5, "allocate_grown": 1}.get(function, 0)
        check_equal(long, freed, f"{function}: blocks that lived for a second")
    return f"a tick is {report.own['tickFs'] / 1e6:.3f} ns"


@test(needs=(PYTHON, "g++"))
def real_programs(context):
    """check_file compares the sums with the blocks and the freed blocks of every site."""
    python = trace.one(context, [PYTHON, "-S", "-c", "x = [[i] * (i % 99) for i in range(9999)]"], PYTHONMALLOC="malloc")
    check(sum(len(site.sizes) > 1 for site in python.sites) > 20, "no site has several sizes")
    name = context.run(["g++", "-print-prog-name=cc1plus"]).check().stdout.strip()
    source = context.write("source.cc", b"#include <map>\n#include <string>\nstd::map<std::string, int> m; int f() { return m[\"a\"]; }\n")
    context.run(["g++", "-E", source, "-o", context.path("whole.ii")]).check()
    compiler = trace.one(context, [name, "-quiet", "-O1", context.path("whole.ii"), "-o", context.path("whole.s")])
    check(len(compiler.sites) > 10000, f"{len(compiler.sites)} sites")
    return f"{len(python.sites)} and {len(compiler.sites)} sites"


@test()
def samples(context):
    """A sampled block counts with its own size, whatever it stands for."""
    report, _ = record(context, CTRACE_SAMPLE=64)
    for function, sizes in SIZES.items():
        for site in report.sites:
            if site.calls_from(function):
                check(set(site.sizes) <= set(sizes) | {9}, f"{function}: {site.sizes}")
                check_equal(sum(site.sizes.values()), site["tbk"], function)
    check_equal(set(of(report, "allocate_large").sizes), {21}, "buckets of the large ones")


@test()
def merged(context):
    """Sums of both; another machine's ticks are half as long, so its lifetimes are one bucket lower here."""
    first, path = record(context)
    other = json.loads(json.dumps(first.data))
    other["ctrace"]["tickFs"] //= 2
    for point in other["pps"]:
        if "lth" in point:
            point["lth"][0] += 1
    context.write("other.json", json.dumps(other).encode())
    context.run([CTRACE, "merge", "-o", context.path("both.json"), path, context.path("other.json")]).check()
    both = dhat.check_file(context.path("both.json"))
    for function in SIZES:
        for kind in ("sizes", "lifetimes"):
            single = getattr(of(first, function), kind)
            check_equal(getattr(of(both, function), kind), {b: 2 * n for b, n in single.items()}, f"{function}: {kind}")


@test()
def reports_without(context):
    """Reports of older versions read as before, and say that they have no histograms."""
    report, path = record(context)
    for point in report.data["pps"]:
        point.pop("szh"), point.pop("lth", None)
    del report.data["ctrace"]["tickFs"]
    old = context.write("old.json", json.dumps(report.data).encode())
    whole = context.run([CTRACE_TOP, path]).check().stdout
    check_equal(context.run([CTRACE_TOP, old]).check().stdout, whole, "the table")
    for words in (["--sizes"], ["--lifetimes"], ["--min-size", "1k"], ["--older", "1s"]):
        result = context.run([CTRACE_TOP, *words, old]).check(2)
        check_in("no histograms of sizes and lifetimes were recorded", result.stderr, " ".join(words))
    result = context.run([CTRACE, "export", "--younger", "1s", "-f", "folded", "-o", "-", old]).check(2)
    check_in("no histograms of sizes and lifetimes were recorded", result.stderr, "export")
    context.run([CTRACE, "merge", "-o", context.path("both.json"), path, old]).check()
    check("szh" not in dhat.load(context.path("both.json")).data["pps"][0], "half a histogram in a merged report")


@test()
def damaged_reports(context):
    report, _ = record(context)
    for wrong in ([64, 1], [63, 1, 1], [0, 2**63, 2**63], [0, -1], ["0"], {}, 7):
        report.data["pps"][0]["szh"] = wrong
        bad = context.write("bad.json", json.dumps(report.data).encode())
        check_in('"szh"', context.run([CTRACE_TOP, bad]).check(3).stderr, repr(wrong))


def rows(context, path, *options, status=0):
    """The functions of a table by their MATCH, and stderr."""
    result = context.run([CTRACE_TOP, "-n0", "--columns=matching", *options, path]).check(status)
    found = re.findall(r"^ *([\d,]+) +[\d.]+ +(?:[\d.]+ +)?(\w+)", result.stdout, re.M)
    return {name: int(number.replace(",", "")) for number, name in found if name in SIZES}, result.stderr


@test()
def filters(context):
    _, path = record(context)
    large = {"allocate_large": 5, "allocate_mixed": 1}
    for limits, wanted in (
        (["--min-size", "1m"], large),
        (["--min-size=3145728"], large),  # within a bucket: the sites' smallest and largest blocks decide
        (["--min-size=3145729"], {"allocate_mixed": 1}),
        (["--max-size=15"], {"allocate_grown": 1}),
        (["--min-size=512", "--max-size=1023"], {"allocate_grown": 1}),
        (["--min-size=101", "--max-size=127"], {"allocate_grown": 1}),  # 10, 100 and 1000 bytes: rounded
        (["--older", "1s"], {"allocate_large": 5, "allocate_grown": 1, "allocate_kept": 7}),
        (["--older", "1s", "--min-size", "1KiB"], {"allocate_large": 5}),
        (["--older=1h"], {}),
        (["--younger=400ms", "--min-size=1MiB"], {"allocate_mixed": 1}),
    ):
        found, said = rows(context, path, *limits)
        check_equal(found, wanted, f"{limits}, which says {said!r}")
    shown = context.run([CTRACE_TOP, "--min-size=1m", "--max-size=4m", path]).check().stdout
    check_in(" of total: min-size 1m, max-size 4m\n", shown, "the summary")
    check(re.search("allocate_large.*\n.*allocate_mixed", shown), f"not sorted by MATCH: {shown}")


@test()
def rounded(context):
    """A limit that lies between the blocks of a bucket is rounded to its edge, and a line says so."""
    _, path = record(context)
    found, said = rows(context, path, "--min-size=48", "--max-size=2000")
    check_equal(found["allocate_small"], 200, "blocks of 32 and 64 bytes")
    check_in("--min-size 48 lies within a bucket: in sites with blocks on both sides, those from 32 B count", said, "stderr")
    check("max-size" not in said, f"a limit that was not rounded: {said}")
    _, said = rows(context, path, "--max-size=17")
    check_in("--max-size 17 lies within a bucket: in sites with blocks on both sides, those below 32 B count", said, "stderr")


@test()
def limits_that_are_none(context):
    for words, why in (
        (["--min-size", "big"], "--min-size big: not a size, such as"),
        (["--max-size=1x"], "--max-size 1x: not a size, such as"),
        (["--min-size=-1"], "not a size"),
        (["--older=10MiB"], "--older 10MiB: not a time, such as"),
        (["--younger="], "not a time"),
        (["--sizes", "--tree"], "--sizes and --lifetimes are for tables of sites"),
        (["--lifetimes", "--by=module"], "--sizes and --lifetimes are for tables of sites"),
        (["-s", "matching"], "matching blocks are counted with --min-size"),
    ):
        _, path = record(context) if words[0] == "-s" else (None, "none.json")
        check_in(why, context.run([CTRACE_TOP, *words, path]).check(2).stderr, " ".join(words))


@test()
def bars(context):
    _, path = record(context)
    env = context.environment(LC_ALL="C.UTF-8", COLUMNS=160)
    shown = context.run([CTRACE_TOP, "--sizes", "--lifetimes", path], env=env).check().stdout
    check_in("sizes     8 B to 8.00 MiB; each column of a bar is a factor of 4", shown, "the axis")
    check(re.search(r"^lifetimes 0 s to .*; each column of a bar is a factor of \d", shown, re.M), shown)
    for function, bar in (("small", "▄█        "), ("large", "       █  "), ("mixed", "    █     ")):
        check(re.search(f"  {bar.strip()}  .*allocate_{function}", shown), f"{function}: {shown}")
    plain = context.run([CTRACE_TOP, "--sizes", path], env=context.environment(LC_ALL="C", COLUMNS=160)).check().stdout
    check(plain.isascii() and re.search(r"  -#  .*allocate_small", plain), plain)
    full = context.run([CTRACE_TOP, "--full", "-n0", path], env=env).check().stdout
    check_in("    sizes      ▁              █  128 B to 8.00 MiB, 97.5 % 128 B to 256 B".replace("▁              █", "█              ▁"), full, "--full")
    check_in("    lifetimes  none was freed\n", full, "--full")


@test()
def other_forms(context):
    report, path = record(context)
    exported = json.loads(context.run([CTRACE, "export", "-f", "json", "-o", "-", path]).check().stdout)
    site = next(site for site in exported["sites"] if site["function"] == "allocate_mixed")
    check_equal(site["sizes"], [[128, 39], [4 << 20, 1]], "sizes in JSON")
    check_equal(sum(blocks for _, blocks in site["lifetimesNs"]), 40, "lifetimes in JSON")
    table = context.run([CTRACE_TOP, "--csv", path]).check().stdout
    check(table.split("\r\n")[0].endswith(",sizes,lifetimes-ns"), table.split("\r\n")[0])
    row = next(line for line in table.split("\r\n") if line.startswith("allocate_mixed"))
    check(re.search(r",128:39 4194304:1,\d+:\d+[ \d:]*$", row), row)


@test()
def interactive(context):
    _, path = record(context)
    with Terminal(context, [CTRACE_TOP, "-i", path], columns=120) as terminal:
        text = terminal.shown("    sizes      ")
        check_in("    lifetimes  ", text, "the pane")


@test(needs=browser.NEEDS + (PAGE,))
def page(context):
    """An opened row has both histograms, with numbers and a title for each column."""
    _, path = record(context)
    made = context.path("page.html")
    context.run([CTRACE, "html", "-o", made, path]).check()
    with browser.Browser() as page:
        page.open("file://" + made)
        page.wait("return document.querySelector('td .open')", "the table")
        page.run("for (const button of document.querySelectorAll('td .open')) button.click()")
        texts = page.run("return [...document.querySelectorAll('svg.histogram')].map(svg => svg.getAttribute('aria-label'))")
        check_equal(len(texts), 9, f"bars of 5 sites, one of which freed none: {texts}")
        check_in("Blocks by size: 128 B to 8.00 MiB; 97.5 % 128 B to 256 B", texts, "allocate_mixed")
        check_in("Blocks by size: 2.00 MiB to 4.00 MiB", texts, "allocate_large")
        titles = page.run("return [...document.querySelectorAll('svg.histogram title')].map(title => title.textContent)")
        check_in("4.00 MiB to 8.00 MiB: 1", titles, "titles")
        check_equal(page.console_errors(), [], "console")


@test()
def forked(context):
    """A child begins with its parent's histograms; check_file compares the sums of both."""
    script = "import os; x = [bytearray(i) for i in range(3000)]; p = os.fork(); x[::2] = [bytearray(i * 7) for i in range(1500)]; p and os.wait()"
    trace.run(context, [PYTHON, "-S", "-c", script], PYTHONMALLOC="malloc")
    found = trace.reports(context)
    check_equal(len(found), 2, "reports")
    for report in found.values():
        check(any(len(site.sizes) > 8 for site in report.sites), "no site of many sizes")
