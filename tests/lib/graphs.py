# SPDX-License-Identifier: MIT
"""Strict readers of the formats that are graphs: callgrind and the flame graph in SVG."""

import collections
import re
import xml.etree.ElementTree

from lib.harness import check, check_equal

SVG = "{http://www.w3.org/2000/svg}"


class Callgrind:
    """A file of Callgrind: what functions cost themselves, and what each call costs, both by names."""

    def __init__(self, path):
        self.own, self.calls, self.lines = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter), set()
        self.head, names, at, callee, pending = {}, {}, {}, {}, None
        with open(path, encoding="utf-8") as file:
            text = file.read()
        check(text.startswith("# callgrind format\nversion: 1\n"), "callgrind: head: " + text[:80])
        for row in text.splitlines()[1:]:
            if not row or re.match(r"(event|desc): ", row):
                continue
            head = re.fullmatch(r"([a-z]+):(.*)", row)
            if head:
                check(head.group(1) not in self.head, "callgrind: a head stands twice: " + row)
                self.head[head.group(1)] = head.group(2).strip()
                continue
            spec = re.fullmatch(r"(c?(?:ob|fi|fl|fn)|fe)=\((\d+)\)(?: (.+))?", row)
            if spec:
                key, number, name = spec.groups()
                kind = "file" if key[-2:] in ("fi", "fl", "fe") else key[-2:]
                check((kind, number) in names or name, "callgrind: a number without a name: " + row)
                check(not name or names.get((kind, number), name) == name, "callgrind: two names of one number: " + row)
                names.setdefault((kind, number), name)
                (callee if key[0] == "c" else at)[key[-2:]] = names[kind, number]
                if key == "fl":
                    at["fi"] = names[kind, number]
                continue
            call = re.fullmatch(r"calls=(\d+) (\d+)", row)
            if call:
                check(pending is None and "fn" in callee, "callgrind: calls= out of place: " + row)
                pending = int(call.group(1))
                continue
            cost = re.fullmatch(r"(\d+)((?: \d+)+)", row)
            check(cost, f"callgrind: a line of another form: {row!r}")
            values = dict(zip(self.events, map(int, cost.group(2).split()), strict=True))
            self.lines.add((at["fn"], at["fi"], int(cost.group(1))))
            if pending is None:
                self.own[at["fn"]].update(values)
            else:
                self.calls[at["fn"], callee["fn"]].update(values)
            pending = None

    @property
    def events(self):
        return self.head["events"].split()

    def summary(self):
        return dict(zip(self.events, map(int, self.head["summary"].split()), strict=True))


class FlameGraph:
    """Our SVG: boxes are {(depth, name): (left, width)} lists, with widths as shares of the whole."""

    def __init__(self, path):
        root = xml.etree.ElementTree.parse(path).getroot()
        check_equal(root.tag, SVG + "svg", "svg: root")
        self.title = root.find(SVG + "title").text
        boxes = []
        for group in root.iter(SVG + "g"):
            box = group.find(SVG + "rect")
            boxes.append((group.find(SVG + "title").text, float(box.get("x")), float(box.get("width")), int(box.get("y"))))
        rows = sorted({y for _, _, _, y in boxes}, reverse=True)
        check_equal(boxes[0][0].split("\n")[0], "all", "svg: the first box")
        _, left, whole, _ = boxes[0]
        self.boxes = collections.defaultdict(list)
        for title, x, width, y in boxes:
            check(left - 0.01 <= x and x + width <= left + whole + 0.01, "svg: a box outside: " + title)
            self.boxes[rows.index(y), title.split("\n")[0]].append(((x - left) / whole, width / whole))
        self.titles = [title for title, _, _, _ in boxes]
