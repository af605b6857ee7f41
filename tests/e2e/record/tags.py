# SPDX-License-Identifier: MIT
"""Tags of a program (ctrace_tag_push): a dimension of stacks in views and formats."""

import csv
import json
import os
import re

from lib import browser, dhat, pprof_strict, trace
from lib.harness import CTRACE, CTRACE_TOP, Skip, check, check_equal, check_in, program, test
from lib.page import show
from lib.screen import Terminal

BUILDS = ("tags", "tags_no_pie", "tags_lto", "tags_cxx")
TAGGED = {"[tag search]": 1100, "[tag checkout]": 200, "[tag checkout/payment]": 300, "[tag d/d/d/d/d/d/d/d]": 70}


def by(context, what, path):
    """{label: total bytes} of `top --by`."""
    lines = context.run([CTRACE_TOP, "--csv", "--by", what, path]).check().stdout.splitlines()
    heads = lines[0].split(",")
    rows = [dict(zip(heads, line.split(","))) for line in lines[1:]]
    return {row[what].strip('"'): int(row["total-bytes"]) for row in rows}


@test()
def by_tag(context):
    """Sums by tag, nested tags, tags too deep, a pop too many; from the report, with threads, and from the store."""
    for name, threads in (("g", 0), ("t", 1)):
        trace.run(context, [program("tags")], out=name + ".json", CTRACE_THREADS=threads, CTRACE_KEEP_STORE=1)
        for path in (name + ".json", name + ".json.store"):
            sums = by(context, "tag", path)
            check_equal({tag: sums.get(tag) for tag in TAGGED}, TAGGED, f"sums by tag, {path}")
            check_equal(sum(sums.values()), dhat.check_file(context.path(name + ".json")).total("tb"), f"all of {path}")
    check_equal(len(by(context, "thread", "t.json")), 2, "threads")
    shown = context.run([CTRACE_TOP, "--by", "tag", "t.json"]).check().stdout
    check_in("(no tag)", shown, "text")
    rows = context.run([CTRACE_TOP, "t.json"]).check().stdout
    check_in("checkout/payment: work tags.c", rows, "the tag in a row of sites")
    check("[tag" not in rows, f"the tag among the callers: {rows}")
    with Terminal(context, [CTRACE_TOP, "-i", "--by", "tag", context.path("t.json")], columns=120) as terminal:
        shown = terminal.shown("[Tags]")
        check(re.search(r"86\.1 +10\.1 KiB +86\.1.*\(no tag\)", shown), f"what has no tag: {shown}")
        terminal.press("q")
    trace.run(context, [program("sites")], out="none.json")
    refused = context.run([CTRACE_TOP, "--by", "tag", "none.json"])
    check_in("it has no tags", refused.stderr, "a recording without tags")
    check_equal(refused.status, 2, "its status")


@test()
def in_formats(context):
    """pprof has a label in place of the frame; other formats have the frame at the root; events have it too."""
    trace.run(context, [program("tags")], out="g.json", CTRACE_FORMAT="dhat,pprof", CTRACE_THREADS=1, CTRACE_KEEP_STORE=1)
    context.run([CTRACE, "export", "-f", "pprof", "-o", "g.pb.gz", "g.json.store"]).check()
    with open(context.path("g.pb.gz"), "rb") as file:
        profile = pprof_strict.Profile(file.read(), wire=False)
    sums = {}
    for values, stack, labels in profile.samples:
        sums[labels.get("tag")] = sums.get(labels.get("tag"), 0) + values[1]
        check(not any(name.startswith("[tag") for name, _ in stack), f"a tag among the functions: {stack}")
        check("thread" in labels, f"no thread: {labels}")
    check_equal({f"[tag {tag}]": number for tag, number in sums.items() if tag}, TAGGED, "sums by label")
    folded = context.run([CTRACE, "export", "-f", "folded", "-o", "-", "g.json.store"]).check().stdout
    check_in("[tag checkout/payment];_start", folded, "folded stacks")
    def sums_of(rows, tag, number):
        sums = {}
        for row in rows:
            if row.get(tag):
                sums[f"[tag {row[tag]}]"] = sums.get(f"[tag {row[tag]}]", 0) + int(row[number])
        return sums

    sites = json.loads(context.run([CTRACE, "export", "-f", "json", "-o", "-", "g.json.store"]).check().stdout)["sites"]
    check_equal(sums_of(sites, "tag", "totalBytes"), TAGGED, "JSON")
    rows = [json.loads(line) for line in context.run([CTRACE, "export", "-f", "jsonl", "-o", "-", "g.json.store"]).check().stdout.splitlines()]
    check_equal(sums_of(rows, "tag", "total_bytes"), TAGGED, "tables")
    numbers = {row["site"] for row in rows if row["stack"][:3] == ["work", "request", "main"]}
    check_equal(len(numbers), 1, "numbers of one stack under several tags")
    table = csv.DictReader(context.run([CTRACE_TOP, "--csv", "g.json.store"]).check().stdout.splitlines())
    check_equal(sums_of(table, "tag", "total-bytes"), TAGGED, "CSV")
    events = dhat.load(context.path("g.events.json"))
    check_equal([site.frames[-2].text for site in events.sites], ["[tag checkout]"], "the event's tag")


@test(needs=browser.NEEDS)
def page(context):
    """The page has a tab of tags, whose numbers are those of --by tag; a click shows only one, and rows of sites name theirs."""
    trace.run(context, [program("tags")], out="g.json", CTRACE_THREADS=1)
    sums = "return Object.fromEntries([...document.querySelectorAll('#tags tbody tr')].map((row) => [row.dataset.tag, Number(row.querySelector('[data-heading=Total]').dataset.value)]))"
    with browser.Browser() as page:
        show(context, page, context.path("g.json"), "#tab=tags")
        got = page.run(sums)
        check_equal({f"[tag {tag}]": number for tag, number in got.items() if tag != "(no tag)"}, TAGGED, "the tab")
        check_in("4 tags.", page.run("return document.querySelector('#tags-status').textContent"), "the line above")
        page.run("[...document.querySelectorAll('#tags .name')].find((name) => name.textContent === 'checkout').click()")
        check_equal(page.run(sums), {"checkout": 200}, "the chosen tag")
        page.run("document.querySelector('#tab-sites').click()")
        check_equal(page.run("return [...document.querySelectorAll('#sites .state')].map((part) => part.textContent)"), ["tag checkout"], "the row of the site")
        check("[tag" not in page.run("return document.querySelector('#sites tbody').textContent"), "the tag among the callers")
        check_equal(page.console_errors(), [], "console")


@test()
def changing(context):
    """Stacks of which only the tag has changed are moved below it, not walked again: each is compared with libunwind's."""
    for threads in (0, 1):
        result = trace.run(context, [program("tags"), "mixed"], out="c.json", CTRACE_DEBUG="verify", CTRACE_THREADS=threads)
        check(re.search(r"compared [1-9]\d+, equal \d+, explained 0, different 0;", result.stderr), result.stderr)
        sums = {}
        for round_ in range(300):
            for tag, bytes_, wanted in (("", 3, round_ % 3), ("abc"[round_ % 3], 5, round_ % 2), ("abc"[round_ % 3] + "/" + "ab"[round_ % 2], 7, round_ % 5), ("abc"[round_ % 3], 11, 1), ("", 13, 1)):
                key = f"[tag {tag}]" if tag else ""
                sums[key] = sums.get(key, 0) + (10 * bytes_ if wanted else 0)
        got = by(context, "tag", "c.json")
        check_equal({tag: number for tag, number in got.items() if tag}, {tag: number for tag, number in sums.items() if tag}, "sums by tag")


@test()
def too_many(context):
    """A recording has 4,096 tags at most; the rest is under [tag others]. Nothing is lost, nor overwritten among the strings."""
    trace.run(context, [program("tags"), "many"], out="m.json")
    check_equal(dhat.check_file(context.path("m.json")).own["program"], program("tags"), "the program's name")
    sums = by(context, "tag", "m.json")
    check_equal({number for tag, number in sums.items() if tag.startswith("[tag request ")}, {160}, "bytes of each tag")
    check_equal(sums["[tag others]"], (5000 - 4096) * 160, "bytes of other tags")
    check_equal(sum(number for tag, number in sums.items() if tag.startswith("[tag")), 5000 * 160, "all bytes")


@test()
def names(context):
    """A name is what it was at the push, whatever its length, wherever it lies, and whatever becomes of its buffer."""
    for build in BUILDS:
        trace.run(context, [program(build), "names"], out="n.json")
        wanted = {"[tag " + chr(97 + length % 26) * min(length, 255) + "]": 0 for length in range(300)}
        for length in range(300):
            wanted["[tag " + chr(97 + length % 26) * min(length, 255) + "]"] += 20 * (length if length < 256 else 1000)
        sums = {tag: number for tag, number in by(context, "tag", "n.json").items() if tag.startswith("[tag")}
        sums.pop("[tag ]")  # of blocks of 0 bytes
        check_equal(sums, {tag: number for tag, number in wanted.items() if number}, f"sums by tag, {build}")


@test()
def in_signal_handlers(context):
    """A handler that pushes, allocates and pops after each instruction of a push and a pop changes no other tag."""
    if os.uname().machine != "x86_64":
        raise Skip("it needs the processor's trap flag")
    long = "long enough to be copied by a loop"
    for build in BUILDS:
        result = trace.run(context, [program(build), "steps"], out="s.json")
        sums = by(context, "tag", "s.json")
        steps = int(result.stdout)
        check(steps > 300, f"{steps} steps")
        within = {tag: number for tag, number in sums.items() if "within" in tag}
        check_equal(sum(within.values()), 10 * steps, f"below the handler's tag, {build}")
        outer = {f"[tag {tag}]" for tag in ("within", "short/within", "short/short/within", f"{long}/within", f"{long}/{long}/within")}
        check_equal(set(within), outer, "the handler's tags")
        check_equal({tag: sums[tag] for tag in ("[tag short]", f"[tag {long}]")}, {"[tag short]": 150, f"[tag {long}]": 150}, "others")
        check_equal({tag for tag in sums if tag.startswith("[tag")} - outer, {"[tag short]", f"[tag {long}]"}, "all tags")


@test()
def ended_threads(context):
    """A thread begins without a tag, even if it gets the state of one that has ended below a tag."""
    for threads in (0, 1):
        trace.run(context, [program("tags"), "ended"], out="e.json", CTRACE_THREADS=threads)
        sums = by(context, "tag", "e.json")
        check_equal({tag: number for tag, number in sums.items() if tag.startswith("[tag")}, {"[tag left]": 200, "[tag new]": 600}, "sums")


@test()
def without_the_library(context):
    """Without the library the calls do nothing."""
    for build in (*BUILDS, "tags_static"):
        context.run([program(build)]).check()
        context.run([program(build), "names"]).check()
    check_equal([name for name in os.listdir(context.folder) if not name.startswith(".")], [], "files left behind")
