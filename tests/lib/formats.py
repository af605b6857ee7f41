# SPDX-License-Identifier: MIT
"""Reports in every format, read by the tools that people use, or by strict readers of our own."""

import collections
import html
import json
import os
import re

from lib import dhat, trace
from lib.harness import CTRACE, PYTHON, check, check_equal, program

NAMES = (
    "dhat", "html", "pprof", "folded", "svg", "speedscope", "heapprofile", "json", "chrometrace", "massif", "heaptrack",
    "callgrind", "dot", "jsonl", "parquet",
)  # fmt: skip

FLAMEGRAPH = "/usr/share/perl5/Devel/NYTProf/flamegraph.pl"

# Our names of the numbers, and those of DHAT.
KEYS = {
    "total-bytes": "tb",
    "total-blocks": "tbk",
    "max-bytes": "mb",
    "max-blocks": "mbk",
    "peak-bytes": "gb",
    "peak-blocks": "gbk",
    "end-bytes": "eb",
    "end-blocks": "ebk",
    "lifetime": "tl",
    "temporary-blocks": "tmpk",
    "resizes": "rszk",
    "moves": "mvk",
    "copied-bytes": "cpb",
    "slack-bytes": "slb",
}

# pprof's sample types.
SAMPLE_TYPES = {
    "alloc_objects": "tbk",
    "alloc_space": "tb",
    "inuse_objects": "ebk",
    "inuse_space": "eb",
    "peak_space": "gb",
}


class Recording:
    """A program's store and its DHAT report; the other formats are compared with the report."""

    def __init__(self, context, command, name="app", **changes):
        self.context = context
        self.path = context.path(name + ".json")
        env = context.environment(
            LD_PRELOAD=trace.LIBRARY, CTRACE_OUT=self.path, CTRACE_QUIET=1, CTRACE_KEEP_STORE=1, **changes
        )
        context.run(command, env=env).check()
        self.store = self.path + ".store"
        self.report = dhat.check_file(self.path)

    def export(self, format_name, *options, source=None, status=0):
        """Export to a format; returns the path of the file."""
        out = self.context.path("exported." + format_name)
        command = [CTRACE, "export", "-f", format_name, *options, "-o", out, source or self.store]
        self.context.run(command).check(status)
        return out

    def sums(self, keys):
        return {key: self.report.total(key) for key in keys}

    def by_stack(self, key, name=lambda frame: frame_name(frame)):
        """Sums by the function names of the stack, root first; without zeros."""
        sums = collections.Counter()
        for site in self.report.sites:
            if site[key]:
                sums[tuple(name(frame) for frame in reversed(site.frames))] += site[key]
        return dict(sums)


def frame_name(frame):
    """The name of a frame in the formats."""
    if frame.mark:
        return frame.text
    if frame.function != "???":
        return frame.function
    return f"[{os.path.basename(frame.module)}]" if frame.module else "???"


def python_recording(context):
    """Python: many stacks, in which most functions of the interpreter have no names."""
    code = "import json; print(len(json.dumps([{str(i): [i] * 9} for i in range(2000)])))"
    return Recording(context, [PYTHON, "-S", "-E", "-c", code], "python")


def compiler_recording(context):
    """gcc's C++ compiler on templates: thousands of stacks, some deep and recursive. No headers: browsers read it too."""
    compiler = context.run(["g++", "-print-prog-name=cc1plus"]).check().stdout.strip()
    source = context.write("templates.cc", (
        "template <int N> struct node : node<N - 1> { int value; int sum() const { return value + node<N - 1>::sum(); } };\n"
        "template <> struct node<0> { int sum() const { return 0; } };\n"
        "int sum(const node<40> &last) { return last.sum(); }\n"
    ))
    return Recording(context, [compiler, "-quiet", "-O1", source, "-o", "/dev/null"], "cc1plus")


def thread_recording(context):
    """C++ with threads, inlined frames and template names."""
    return Recording(context, [program("cxx_threads")], "threads")


# Every format is tested with these.
RECORDINGS = (python_recording, compiler_recording, thread_recording)


def read_folded(path):
    """Read strictly; returns {stack as a tuple, root first: number}."""
    sums = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            found = re.fullmatch(r"([^\x00-\x1f]+) ([1-9][0-9]*)\n", line)
            check(found, f"folded: a line of another form: {line!r}")
            stack = tuple(found.group(1).split(";"))
            check(all(stack), f"folded: an empty frame: {line!r}")
            check(stack not in sums, f"folded: a stack stands twice: {line!r}")
            sums[stack] = int(found.group(2))
    return sums


def flamegraph_boxes(context, path):
    """The boxes that flamegraph.pl draws, as {(depth, name): bytes}; depth 0 is "all"."""
    command = ["perl", FLAMEGRAPH, "--countname", "bytes", "--colors", "mem", "--minwidth", "0", path]
    result = context.run(command).check()
    check_equal(result.stderr, "", "flamegraph.pl's stderr")
    found = re.findall(r'<title>(.*) \(([\d,]+) bytes, [\d.]+%\)</title><rect x="[\d.]+" y="([\d.]+)"', result.stdout)
    check_equal(len(found), result.stdout.count("<title>"), "boxes")
    heights = sorted({float(y) for _, _, y in found}, reverse=True)
    boxes = collections.Counter()
    for name, number, y in found:
        boxes[heights.index(float(y)), html.unescape(name)] += int(number.replace(",", ""))
    return dict(boxes)


def pprof(context, *arguments, cwd=None):
    """The standard output of go tool pprof. It must not look for symbols itself, and must not complain."""
    result = context.run(["go", "tool", "pprof", *arguments], cwd=cwd).check()
    check_equal(result.stderr, "", "go tool pprof's stderr")
    return result.stdout


class PprofRaw:
    """The output of `pprof -raw`, which prints everything that pprof has read."""

    def __init__(self, context, path):
        text = pprof(context, "-raw", path)
        head, rest = text.split("\nSamples:\n")
        samples, rest = rest.split("\nLocations\n")
        locations, mappings = rest.split("\nMappings\n")
        self.head = dict(line.split(": ", 1) for line in head.splitlines() if not line.startswith("Comment"))
        self.comments = [line[len("Comment: ") :] for line in head.splitlines() if line.startswith("Comment")]
        rows = samples.splitlines()
        types = rows[0].split()
        self.types = [name.partition("/")[0] for name in types]
        self.default = next(name.partition("/")[0] for name in types if name.endswith("[dflt]") or len(types) == 1)
        self.samples, self.sizes = [], []  # the label "bytes" of each sample, or None
        self.labels = []  # the texts of its other labels
        for row in rows[1:]:
            label = re.fullmatch(r" {16}bytes:\[(\d+) bytes\]", row)
            if label:
                self.sizes[-1] = int(label.group(1))
                continue
            texts = re.findall(r" *(\w+):\[(.*?)\](?= |$)", row) if row.startswith(" " * 16) else ()
            if texts:
                self.labels[-1].update(texts)
                continue
            values, ids = row.split(":")
            self.sizes.append(None)
            self.labels.append({})
            self.samples.append(([int(value) for value in values.split()], [int(i) for i in ids.split()]))
        self.locations, location = {}, None
        for row in locations.splitlines():
            found = re.match(r"^ *(\d+): 0x([0-9a-f]+) (?:M=(\d+) )?(.*)", row)
            if found:
                location = int(found.group(1))
                mapping = int(found.group(3) or 0)
                self.locations[location] = (int(found.group(2), 16), mapping, [found.group(4).strip()])
            else:
                self.locations[location][2].append(row.strip())
        self.mappings = []
        for row in mappings.splitlines():
            found = re.match(r"^(\d+): 0x([0-9a-f]+)/0x([0-9a-f]+)/0x([0-9a-f]+) (\S+) (\S*) ?(\[.*)", row)
            check(found, f"pprof: a mapping of another form: {row!r}")
            start, limit, offset = (int(found.group(i), 16) for i in (2, 3, 4))
            self.mappings.append((start, limit, offset, found.group(5), found.group(6), found.group(7)))

    def sums(self):
        return {name: sum(values[i] for values, _ in self.samples) for i, name in enumerate(self.types)}

    def by_stack(self, sample_type, short=False):
        """Sums by the names of the stack, whole or shortened as by pprof, root first; without zeros."""
        column, sums, names = self.types.index(sample_type), collections.Counter(), {}
        for location, (_, _, lines) in self.locations.items():
            names[location] = [_name(line, short) for line in lines]
        for values, ids in self.samples:
            if values[column]:
                sums[tuple(name for location in ids for name in names[location])[::-1]] += values[column]
        return dict(sums)


def _name(line, short):
    """The name in a line "NAME FILE:LINE s=START(WHOLE NAME)"; WHOLE NAME may be empty."""
    found = re.fullmatch(r"(.*?) (\S*):(\d+) s=0\((.*)\)", line)
    check(found, f"pprof: a line of another form: {line!r}")
    return not short and found.group(4) or found.group(1)


def name_and_place(line):
    """The whole name, and "file:line" without folders, in such a line."""
    place = re.fullmatch(r"(.*?) (\S*):(\d+) s=0\((.*)\)", line)
    return _name(line, False), f"{os.path.basename(place.group(2))}:{place.group(3)}"


def pprof_flat(context, path, sample_type):
    """What -top prints, to the byte: {function: its own sum}, and the total in its first lines."""
    text = pprof(
        context, "-top", "-unit=B", "-nodecount=0", "-nodefraction=0", "-edgefraction=0", "-sample_index=" + sample_type, path
    )
    total = re.search(r"Total samples = (\d+)B?\s|(?:of|for) (\d+)B? total", text)
    flat = collections.Counter()
    for line in text.splitlines():
        found = re.match(r"^ *(-?\d+)B? +[\d.e-]+% +[\d.]+% +-?\d+B? +[\d.e-]+%  (.*)$", line)
        if found:
            flat[re.sub(r" \((partial-)?inline\)$", "", found.group(2))] += int(found.group(1))
    return flat, int(total.group(1) or total.group(2)) if total else None


class HeapProfile:
    """A .heapprofile, read strictly: stacks are {names from the root down: bytes}."""

    def __init__(self, path):
        data = json_file(path)
        check_equal(list(data), ["head", "samples"], "heapprofile: members")
        frame = {"functionName": "(root)", "scriptId": "0", "url": "", "lineNumber": -1, "columnNumber": -1}
        check_equal(data["head"]["callFrame"], frame, "heapprofile: root")
        self.stacks, self.places, sizes = collections.Counter(), {}, {}
        waiting = [(data["head"], ())]
        while waiting:
            node, above = waiting.pop()
            check_equal(set(node), {"callFrame", "selfSize", "id", "children"}, "heapprofile: members of a node")
            check(node["id"] not in sizes, f"heapprofile: two nodes have the id {node['id']}")
            sizes[node["id"]] = node["selfSize"]
            frame = node["callFrame"]
            check(isinstance(frame["scriptId"], str), "heapprofile: a scriptId that is no string")
            check_equal(self.places.setdefault(frame["scriptId"], frame["url"]), frame["url"], "heapprofile: url of a scriptId")
            stack = above + (frame["functionName"],) if above or node is not data["head"] else ()
            names = [(child["callFrame"]["functionName"], child["callFrame"]["scriptId"]) for child in node["children"]]
            check(len(set(names)) == len(names), f"heapprofile: two children of {stack} are the same function")
            # If a number is 0 in the whole recording, there is only the root.
            check(node["selfSize"] or node["children"] or not stack, f"heapprofile: nothing in {stack}")
            if node["selfSize"]:
                self.stacks[stack] += node["selfSize"]
            waiting += [(child, stack) for child in node["children"]]
        samples = {sample["nodeId"]: sample["size"] for sample in data["samples"]}
        check_equal(samples, {node: size for node, size in sizes.items() if size}, "heapprofile: samples and nodes")
        ordinals = [sample["ordinal"] for sample in data["samples"]]
        check_equal(ordinals, sorted(set(ordinals)), "heapprofile: ordinals")


def read_trace(path):
    """Read a Trace Event file strictly; returns {counter: [(time, value)]}."""
    data = json_file(path)
    counters, names = {}, []
    for event in data["traceEvents"]:
        check(type(event["pid"]) is int and type(event["tid"]) is int, f"trace: {event}")
        if event["ph"] == "M":
            names.append(event["name"])
            continue
        check_equal(event["ph"], "C", "trace: kind of event")
        ((key, value),) = event["args"].items()
        check(type(value) is int and type(event["ts"]) is int, f"trace: not a number: {event}")
        known, points = counters.setdefault(event["name"], (key, []))
        check_equal(key, known, "trace: key of " + event["name"])
        check(not points or points[-1][0] <= event["ts"], f"trace: {event['name']} goes back in time")
        points.append((event["ts"], value))
    check_equal(names, ["process_name", "thread_name"], "trace: metadata")
    return {name: points for name, (_, points) in counters.items()}


def json_file(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file, object_pairs_hook=dhat._object)
