# SPDX-License-Identifier: MIT
"""The formats that are graphs: callgrind, dot and the flame graph in SVG, with the tools that read them."""

import collections
import re

from lib import browser, formats, graphs
from lib.harness import check, check_equal, check_in, test

EVENTS = {"TotalBytes": "tb", "TotalBlocks": "tbk", "PeakBytes": "gb", "EndBytes": "eb"}


def _has_cycle(recording):
    """The functions that are above themselves in some stack, not directly, and those in between."""
    found = set()
    for site in recording.report.sites:
        names = [formats.frame_name(frame) for frame in site.frames]
        folded = [name for i, name in enumerate(names) if not i or names[i - 1] != name]
        for name, count in collections.Counter(folded).items():
            if count > 1:
                last = len(folded) - 1 - folded[::-1].index(name)
                found.update(folded[folded.index(name) : last + 1])
    return found


@test()
def callgrind_sums(context):
    """What functions allocate themselves, and below each call, to the byte."""
    for make in formats.RECORDINGS:
        recording = make(context)
        read = graphs.Callgrind(recording.export("callgrind"))
        check_equal(read.events, list(EVENTS), "events")
        check_equal(read.summary(), {event: recording.report.total(key) for event, key in EVENTS.items()}, "summary")
        for event, key in EVENTS.items():
            own, calls = collections.Counter(), collections.Counter()
            for stack, number in recording.by_stack(key).items():
                own[stack[-1]] += number
                for pair in {pair for pair in zip(stack, stack[1:]) if pair[0] != pair[1]}:
                    calls[pair] += number
            check_equal({name: costs[event] for name, costs in read.own.items() if costs[event]}, dict(own), "own " + event)
            check_equal({pair: costs[event] for pair, costs in read.calls.items() if costs[event]}, dict(calls), "calls " + event)
        wanted = {(formats.frame_name(frame), frame.file or "???", frame.line) for site in recording.report.sites for frame in site.frames}
        check({(name, line) for name, _, line in read.lines} <= {(name, line) for name, _, line in wanted}, "lines that the report does not have")


@test(needs="callgrind_annotate")
def callgrind_annotate_reads(context):
    """Valgrind's own reader: without and with callees, except where functions call each other in circles."""
    for make in formats.RECORDINGS:
        recording = make(context)
        path = recording.export("callgrind")
        cycles = _has_cycle(recording)
        for option, count in (("no", lambda stack: stack[-1:]), ("yes", set)):
            command = ["callgrind_annotate", "--threshold=100", "--auto=no", "--show-percs=no", "--inclusive=" + option, path]
            result = context.run(command).check()
            check_equal(result.stderr, "", "callgrind_annotate's stderr")
            check_in(f"{recording.report.total('tb'):,}", re.search(r".*PROGRAM TOTALS", result.stdout).group(0), "totals")
            shown = collections.Counter()
            for numbers, name in re.findall(r"^((?: *(?:[\d,]+|\.))+) +\S*?:(.*?)(?: \[[^\]]*\])?$", result.stdout.partition("file:function")[2], re.M):
                shown[name] += int(numbers.split()[0].replace(",", "").replace(".", "0"))
            wanted = collections.Counter()
            for stack, number in recording.by_stack("tb").items():
                for name in count(stack):
                    wanted[name] += number
            if option == "yes":
                check(set(wanted) - cycles, "nothing to compare")
            for name in set(wanted) - (cycles if option == "yes" else set()):
                if "[" not in name and ":" not in name:  # which the output uses itself
                    check_equal(shown[name], wanted[name], f"{name}, inclusive {option}")


@test(needs="dot")
def dot_reads(context):
    """graphviz draws it without a complaint; nodes have what their functions allocate with and without callees."""
    for make in formats.RECORDINGS:
        recording = make(context)
        for metric in ("total-bytes", "peak-bytes"):
            path = recording.export("dot", "--metric", metric)
            result = context.run(["dot", "-Tsvg", path]).check()
            check_equal(result.stderr, "", "dot's stderr")
            text = context.run(["dot", "-Tplain", path]).check().stdout
            nodes = set(re.findall(r"^node (N\d+) ", text, re.M))
            below = collections.Counter()
            for stack, number in recording.by_stack(formats.KEYS[metric]).items():
                for name in set(stack):
                    below[name] += number
            total = recording.report.total(formats.KEYS[metric])
            large = [name for name, number in below.items() if number >= 0.005 * total]
            check_equal(len(nodes), min(len(large), 80), "nodes")
            for caller, callee in re.findall(r"^edge (\S+) (\S+) ", text, re.M):
                check({caller, callee} <= nodes, f"an edge of a node that is not there: {caller} {callee}")


def _edges(text):
    """(weight, dotted) of the edges between functions, sorted. pprof leaves out a weight of 1."""
    edges = []
    for row in re.findall(r"^N\d+ -> N\d+ \[(.*)\]$", text, re.M):
        weight = re.search(r" weight=(\d+)", row)
        edges.append((int(weight.group(1)) if weight else 1, bool(re.search(r'style="?dotted', row))))
    return sorted(edges)


@test(needs=("dot", "go"))
def dot_is_pruned_as_by_pprof(context):
    """The same number of nodes and the same edges as go tool pprof -dot has, of a profile with fewer than 80 large functions."""
    recording = formats.python_recording(context)
    for metric, sample_type in (("total-bytes", "alloc_space"), ("peak-bytes", "peak_space")):
        with open(recording.export("dot", "--metric", metric), encoding="utf-8") as file:
            ours = file.read()
        theirs = formats.pprof(context, "-dot", "-sample_index=" + sample_type, recording.export("pprof"))
        nodes = [len(re.findall(r"^N\d+ \[", text, re.M)) for text in (ours, theirs)]
        check(nodes[0] == nodes[1] < 80, f"nodes: {nodes}")
        check_equal(_edges(ours), _edges(theirs), "edges of " + metric)
        check(any(dotted for _, dotted in _edges(ours)), "no edge is dotted")


@test()
def svg_boxes(context):
    """Each box is as wide as its share, and those that are left out are too narrow to see."""
    for make in formats.RECORDINGS:
        recording = make(context)
        for metric in ("total-bytes", "end-bytes"):
            graph = graphs.FlameGraph(recording.export("svg", "--metric", metric))
            check_in(metric, graph.title, "title")
            total = recording.report.total(formats.KEYS[metric])
            boxes = collections.Counter()
            for stack, number in recording.by_stack(formats.KEYS[metric]).items():
                for depth in range(len(stack) + 1):
                    boxes[("all", *stack)[: depth + 1]] += number
            wanted = collections.defaultdict(list)
            for path, number in boxes.items():
                if number >= total * 0.0005:
                    wanted[len(path) - 1, path[-1]].append(number / total)
            check_equal({place: len(shares) for place, shares in graph.boxes.items()}, {place: len(shares) for place, shares in wanted.items()}, "boxes")
            for place, shares in wanted.items():
                for (_, width), share in zip(sorted(graph.boxes[place], key=lambda box: box[1]), sorted(shares)):
                    check(abs(width - share) < 1e-5, f"width of {place}: {width}, wanted {share}")
            # Callees are sorted by their names, whatever the order of the recording.
            first = min((left, name) for (depth, name), places in graph.boxes.items() if depth == 1 for left, _ in places)[1]
            check_equal(first, min(name for depth, name in graph.boxes if depth == 1), "the first root")
            check(any(re.search(r"\n[\d.]+ [KMG]?i?B, [\d.]+ %$", title) for title in graph.titles), "amounts")


@test(needs=browser.NEEDS)
def svg_works(context):
    """In Chromium: click zooms, Escape comes back, search marks functions and says how much they cover."""
    recording = formats.python_recording(context)
    path = recording.export("svg")
    total = recording.report.total("tb")
    covered = sum(number for stack, number in recording.by_stack("tb").items() if any("PyImport" in name for name in stack))
    with browser.Browser() as page:
        page.open("file://" + path)
        page.run(
            "window.texts = (id) => document.getElementById(id).textContent;"
            "window.boxes = () => [...document.querySelectorAll('g.f:not(.gone) rect')].map((box) => +box.getAttribute('width'));"
            "window.hits = () => [...document.querySelectorAll('g.hit title')].map((title) => title.textContent.split('\\n')[0]);"
            "window.search = (wanted) => { window.prompt = () => wanted; document.getElementById('search').dispatchEvent(new Event('click')); };"
        )
        before = page.run("return boxes()")
        target = "[...document.querySelectorAll('g.f')].find((group) => group.textContent.startsWith('PyImport_ImportModule\\n'))"
        page.run(f"{target}.dispatchEvent(new Event('click'))")
        check_equal(page.run(f"return +{target}.querySelector('rect').getAttribute('width')"), 1180, "width of the box that was clicked")
        check(len(page.run("return boxes()")) < len(before), "nothing is hidden by zooming")
        check_equal(page.run("return texts('reset')"), "Reset zoom", "the button")
        page.run("dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
        check_equal(page.run("return boxes()"), before, "widths after Escape")
        page.run("search('^PyImport')")
        check(all(name.startswith("PyImport") for name in page.run("return hits()")) and page.run("return hits().length"), "marked functions")
        # Boxes that are too narrow to be drawn are not found.
        told = float(page.run("return texts('found')").replace(" % match", ""))
        check(abs(told - 100 * covered / total) < 0.3, f"the search covers {told} %, not {100 * covered / total} %")
        page.run("search('')")
        check_equal(page.run("return [texts('found'), hits().length]"), ["", 0], "cleared")
        page.run("search('std::(vector')")
        check_equal(page.run("return texts('found')"), "no function matches, not a regular expression, searched as text", "a bad expression")
        page.run("search('')")
        page.run("search('pyimport')")
        check(page.run("return hits().length"), "small letters find large ones")
        page.run(f"{target}.dispatchEvent(new Event('mouseenter'))")
        check_in("PyImport_ImportModule", page.run("return texts('details')"), "the line below")
        check_equal(page.console_errors(), [], "the console")
