# SPDX-License-Identifier: MIT
"""ctrace trend: its numbers are those of the reports, in each form; labels; the page in a browser."""

import csv
import io
import json
import os
import re

from lib import dhat, trace
from lib.browser import NEEDS, Browser
from lib.harness import CTRACE, PYTHON, ROOT, check, check_equal, check_in, test

DATA = os.path.join(ROOT, "tests", "unit", "data")
COUNTS = (100, 300, 200)
EVIL = "a<b>|c"


def _record(context):
    """Three runs of a program that keeps more or fewer blocks; (reports, paths)."""
    context.write("app.py", "import sys\nkept = [bytearray(5000) for i in range(int(sys.argv[1]))]\n")
    names = [f"run{i}.json" for i in range(len(COUNTS))]
    for name, count in zip(names, COUNTS):
        trace.run(context, [PYTHON, "app.py", count], out=name, PYTHONMALLOC="malloc", PYTHONHASHSEED=0)
    return [dhat.check_file(context.path(name)) for name in names], names


def _trend(context, *words, status=0):
    return context.run([CTRACE, "trend", *words], env=context.environment(LC_ALL="C.UTF-8")).check(status)


@test()
def numbers(context):
    """Text, Markdown, CSV and JSON agree with the reports."""
    reports, names = _record(context)
    told = json.loads(_trend(context, *names, "-f", "json", "-n", 0).stdout)
    keys = {"totalBytes": "tb", "peakBytes": "gb", "endBytes": "eb", "totalBlocks": "tbk"}
    for report, run in zip(reports, told["runs"]):
        check_equal({key: run[key] for key in keys}, {key: report.total(short) for key, short in keys.items()}, "JSON of " + run["run"])
    rows = list(csv.DictReader(io.StringIO(_trend(context, *names, "-f", "csv").stdout)))
    peaks = [report.total("gb") for report in reports]
    check_equal([row["run"] for row in rows], ["run0", "run1", "run2"], "labels")
    check_equal([int(row["peak-bytes"]) for row in rows], peaks, "peaks")
    check_equal([row["change"] for row in rows], ["", str(peaks[1] - peaks[0]), str(peaks[2] - peaks[1])], "changes")
    shown = _trend(context, *names, "--metric", "blocks").stdout
    blocks = [report.total("tbk") for report in reports]
    check_in(f"{blocks[1] - blocks[0]:+,}", shown.splitlines()[2], "change of blocks")
    check(re.search(r"^peak +▁█[▂-▇]  ", shown, re.M), "bars: " + shown)
    # The sites that have grown add up to the growth, with those that shrank as in ctrace diff.
    rows = json.loads(context.run([CTRACE, "diff", "--metric", "peak", "-f", "json", names[0], names[2]]).check().stdout)["rows"]
    check_equal([site["change"] for site in told["grown"]], [row["change"] for row in rows if row["change"] > 0 and row["state"] != "gone"], "growth")
    check_in("PyByteArray_Resize", told["grown"][0]["function"] + " ".join(told["grown"][0]["stack"]), "what has grown most")


@test()
def labels(context):
    """Labels from files, folders and the command line; folders and patterns; names that mean something to a format."""
    _, names = _record(context)
    for i, name in enumerate(names):
        folder = context.make_folder(f"runs/app-{i}")
        os.rename(context.path(name), os.path.join(folder, "heap.json"))
    folders = [f"runs/app-{i}/" for i in range(len(names))]

    def by_csv(*words):
        return [row["run"] for row in csv.DictReader(io.StringIO(_trend(context, *words, "-f", "csv").stdout))]

    check_equal(by_csv(*folders), ["app-0", "app-1", "app-2"], "folders")
    check_equal(by_csv("runs/app-*/heap.json"), ["heap"] * 3, "a pattern")
    check_equal(by_csv(f"{EVIL}=runs/app-0/heap.json"), [EVIL], "a label")
    os.rename(context.path("runs/app-0/heap.json"), context.path("a=b.json"))
    check_equal(by_csv("a=b.json"), ["a=b"], "a file with =")
    line = _trend(context, f"{EVIL}=a=b.json", "-f", "md").stdout.splitlines()[2]
    check(line.startswith(r"| a\<b\>\|c | "), "Markdown: " + line)
    os.rename(context.path("a=b.json"), context.path("=1.json"))
    check_equal(by_csv("=1.json"), ["'=1"], "a formula in CSV")


@test()
def refused(context):
    heap, copy = (os.path.join(DATA, "dhat.out." + mode) for mode in ("heap", "copy"))
    for words, status in (((), 2), (("none.json",), 3), ((heap, copy), 2), (("-m", "peek", heap), 2)):
        result = _trend(context, *words, status=status)
        check_equal((result.stdout, len(result.stderr.splitlines())), ("", 1), f"output for {words}")
    shown = _trend(context, copy).stdout
    check(re.search(r"^dhat\.out\.copy +\d.* - +- ", shown, re.M), "numbers that a file does not have: " + shown)


@test(needs=NEEDS)
def page(context):
    """Charts and table, without a script and without anything from elsewhere; it fits a narrow window."""
    _, names = _record(context)
    _trend(context, f"{EVIL}={names[0]}", *names[1:], "--html", "trend.html")
    with open(context.path("trend.html"), encoding="utf-8") as file:
        text = file.read()
    check(not re.search(r"<script|https?:|src=|url\(", text), "something from elsewhere")
    with Browser() as browser:
        browser.open("file://" + context.path("trend.html"))
        check_equal(browser.run("return document.querySelectorAll('svg').length"), 4, "charts")
        points = browser.run("return [...document.querySelectorAll('svg')].map(svg => svg.querySelectorAll('g.point').length)")
        check_equal(points, [3] * 4, "points")
        titles = browser.run("return [...document.querySelectorAll('svg')[1].querySelectorAll('title')].map(title => title.textContent)")
        check_in(EVIL + ": ", titles[0], "a point's title")
        check_in(" (+", titles[1], "a point's change")
        heights = browser.run("return [...document.querySelectorAll('svg')[1].querySelectorAll('g.point circle:first-child')].map(c => +c.getAttribute('cy'))")
        check(heights[0] > heights[2] > heights[1], f"the line goes up and down again: {heights}")
        check_equal(browser.run("return document.querySelectorAll('table')[0].rows.length"), 4, "rows")
        check_equal(browser.console_errors(), [], "the console")
        browser._call("POST", "/window/rect", {"width": 500, "height": 800})
        check(browser.run("return document.documentElement.scrollWidth <= window.innerWidth"), "wider than the window")
