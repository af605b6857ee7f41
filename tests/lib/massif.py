# SPDX-License-Identifier: MIT
"""Massif's output, read strictly, and as ms_print shows it."""

import re

from lib.harness import check, check_equal

HEAD = r"desc: (.*)\ncmd: (.*)\ntime_unit: (i|ms|B)\n"
SNAPSHOT = (
    r"#-----------\nsnapshot=(\d+)\n#-----------\ntime=(\d+)\nmem_heap_B=(\d+)\nmem_heap_extra_B=(\d+)\n"
    r"mem_stacks_B=(\d+)\nheap_tree=(empty|detailed|peak)\n((?: *n\d+: \d+ .+\n)*)"
)
ROOT_LABEL = "(heap allocation functions) malloc/new/new[], --alloc-fns, etc."
BELOW = r"in (1 place, below|\d+ places, all below) massif's threshold \(1\.00%\)"
UNTOLD = "(small sites, which the report does not list one by one)"


class Snapshot:
    def __init__(self, found):
        number, self.time, self.bytes, extra, stacks = (int(found.group(i)) for i in range(1, 6))
        check_equal((extra, stacks), (0, 0), f"massif: extra and stacks of snapshot {number}")
        self.number, self.kind = number, found.group(6)
        lines = found.group(7).splitlines()
        check_equal(bool(lines), self.kind != "empty", f"massif: a tree in snapshot {number}, which is {self.kind}")
        self.nodes = [self._node(line) for line in lines]  # (depth, children, bytes, label)
        if lines:
            self._check_tree()

    @staticmethod
    def _node(line):
        found = re.fullmatch(r"( *)n(\d+): (\d+) ([^#]+)", line)
        check(found, f"massif: a node of another form: {line!r}")
        return len(found.group(1)), int(found.group(2)), int(found.group(3)), found.group(4)

    def _check_tree(self):
        where = f"massif: tree of snapshot {self.number}"
        check_equal(self.nodes[0][2:], (self.bytes, ROOT_LABEL), where + ": root")
        parents = []  # [children to come, bytes to come, bytes of the latest child]
        for depth, children, size, label in self.nodes:
            while parents and not parents[-1][0]:
                check(parents.pop()[1] >= 0, where + ": children have more than their parent")
            check_equal(depth, len(parents), f"{where}: depth of {label}")
            if parents:
                check(parents[-1][2] >= size, f"{where}: {label} is not in order")
                parents[-1] = [parents[-1][0] - 1, parents[-1][1] - size, size]
            if re.fullmatch(BELOW, label):
                check_equal(children, 0, f"{where}: children of what is summed up")
                check_equal(label.startswith("in 1 place"), " 1 place" in label, where)
            elif depth:
                check(size and size * 100 >= self.bytes, f"{where}: {label} is below the threshold")
            parents.append([children, size, size])
        check(all(children == 0 for children, _, _ in parents), where + ": it is cut")

    def first_level(self):
        return [(size, label) for depth, _, size, label in self.nodes if depth == 1]


class Massif:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        head = re.match(HEAD, text)
        check(head, f"massif: head: {text[:200]!r}")
        self.description, self.command, self.unit = head.groups()
        self.snapshots, at = [], head.end()
        while at < len(text):
            found = re.compile(SNAPSHOT).match(text, at)
            check(found, f"massif: a snapshot of another form: {text[at:at + 300]!r}")
            self.snapshots.append(Snapshot(found))
            at = found.end()
        numbers = [snapshot.number for snapshot in self.snapshots]
        check_equal(numbers, list(range(len(numbers))), "massif: numbers of the snapshots")
        times = [snapshot.time for snapshot in self.snapshots]
        check_equal((times[0], times), (0, sorted(times)), "massif: times")
        peaks = [snapshot for snapshot in self.snapshots if snapshot.kind == "peak"]
        check_equal(len(peaks), 1, "massif: peaks")
        self.peak, self.last = peaks[0], self.snapshots[-1]
        check_equal(self.peak.bytes, max(snapshot.bytes for snapshot in self.snapshots), "massif: the peak's bytes")

    def detailed(self):
        return [snapshot for snapshot in self.snapshots if snapshot.kind == "detailed"]


class Printed:
    """What ms_print has read: rows {number: (time, total)}, trees {number: (total, first level)}."""

    def __init__(self, context, path):
        result = context.run(["ms_print", path]).check()
        check_equal(result.stderr, "", "ms_print's stderr")
        self.text = result.stdout
        numbers = re.search(r"Detailed snapshots: \[(.*)\]", self.text).group(1).split(", ")
        self.detailed = [int(number.split()[0]) for number in numbers]
        self.peak = next(int(number.split()[0]) for number in numbers if number.endswith("(peak)"))
        self.rows, self.trees, latest = {}, {}, None
        for line in self.text.splitlines():
            row = re.fullmatch(r" *(\d+) +([\d,]+) +([\d,]+) +([\d,]+) +0 +0", line)
            node = re.match(r"(100\.00% |00\.00% |->\d+\.\d+% )\(([\d,]+)B\) (.*)", line)
            if row:
                latest, time, total, heap = (int(row.group(i).replace(",", "")) for i in range(1, 5))
                check_equal(total, heap, f"ms_print: total of snapshot {latest}")
                self.rows[latest] = (time, total)
            elif node:
                size = int(node.group(2).replace(",", ""))
                if node.group(1).startswith("->"):
                    self.trees[latest][1].append((size, node.group(3)))
                else:
                    self.trees[latest] = (size, [])
