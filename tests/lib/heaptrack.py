# SPDX-License-Identifier: MIT
"""heaptrack's data file, read strictly and replayed, and as heaptrack_print shows it."""

import collections
import gzip
import re

from lib.harness import check, check_equal, shorten

# heaptrack_print's --flamegraph-cost-type, and DHAT's names.
COSTS = {"allocations": "tbk", "temporary": "tmpk", "leaked": "eb", "peak": "gb"}


class Heaptrack:
    """The sums of the file's events by stack (a tuple of names, root first): costs[kind][stack]."""

    def __init__(self, path):
        self.strings, self.pointers, self.traces, self.entries = [""], [None], [None], []
        self.size_sums, self.used, self.time = collections.Counter(), 0, 0
        counts, live, peak, latest = collections.Counter(), collections.Counter(), {}, 0
        temporary, total, self.peak, self.peak_time, self.overlap = collections.Counter(), 0, -1, 0, 0
        with gzip.open(path, "rb") as file:
            lines = file.read().split(b"\n")
        check_equal((lines[0], lines[1][:2], lines[-1]), (b"v 10400 3", b"X ", b""), "heaptrack: head and end")
        self.command = lines[1][2:].decode()
        for raw in lines[2:-1]:
            kind = raw[:1]
            if kind in b"+-":
                entry = int(raw[2:], 16)
                size = self.entries[entry][0]
                if kind == b"+":
                    # heaptrack_gui needs this order
                    check(entry <= self.used, f"heaptrack: entry {entry} is used before entry {self.used}")
                    self.used = max(self.used, entry + 1)
                    counts[entry] += 1
                    live[entry] += 1
                    total += size
                    latest = entry
                    if total > self.peak:
                        self.peak, self.peak_time, peak = total, self.time, None
                else:
                    check(live[entry] > 0, f"heaptrack: free of entry {entry}, which has no block")
                    if peak is None:
                        peak = dict(live)
                    live[entry] -= 1
                    total -= size
                    temporary[entry] += latest == entry
                    latest = 0
            else:
                self._define(kind, raw.decode())
        peak = dict(live) if peak is None else peak
        self.costs = {kind: collections.Counter() for kind in (*COSTS, "bytes", "peak blocks", "end blocks")}
        for entry, (size, trace) in enumerate(self.entries):
            stack = self._stack(trace)
            for kind, value in (
                ("allocations", counts[entry]), ("temporary", temporary[entry]), ("leaked", live[entry] * size), ("peak", peak.get(entry, 0) * size),
                ("bytes", counts[entry] * size), ("peak blocks", peak.get(entry, 0)), ("end blocks", live[entry]),
            ):
                if value:
                    self.costs[kind][stack] += value

    def _define(self, kind, line):
        if kind == b"s":
            length, text = re.fullmatch(r"s ([0-9a-f]+) (.*)", line).groups()
            check_equal(int(length, 16), len(text.encode()), f"heaptrack: length of {text}")
            self.strings.append(text)
            return
        check(re.fullmatch(r"[itac]( (0|[1-9a-f][0-9a-f]*))+", line), f"heaptrack: a line of another form: {line!r}")
        numbers = [int(number, 16) for number in line[2:].split(" ")]
        if kind == b"i":
            check(len(numbers) % 3 == 2, f"heaptrack: {line!r}")
            names = [self.strings[i] for i in numbers[2::3]]
            check(all(names) and all(i < len(self.strings) for i in numbers[3::3]), f"heaptrack: {line!r}")
            self.pointers.append((self.strings[numbers[1]], names))
        elif kind == b"t":
            check(0 < numbers[0] < len(self.pointers) and numbers[1] < len(self.traces), f"heaptrack: {line!r}")
            self.traces.append(numbers)
        elif kind == b"a":
            check(0 < numbers[1] < len(self.traces), f"heaptrack: {line!r}")
            self.entries.append(numbers)
        else:
            check(numbers[0] >= self.time, "heaptrack: goes back in time")
            self.time = numbers[0]

    def _stack(self, trace):
        frames = []
        while trace:
            pointer, trace = self.traces[trace]
            module, names = self.pointers[pointer]
            frames += names or [module]
        return tuple(reversed(frames))


def printed(context, path, *options):
    result = context.run(["heaptrack_print", "--disable-builtin-suppressions", *options, "-f", path]).check()
    problems = [line for line in result.stderr.splitlines() if line and not line.startswith("reading file ")]
    check(not problems, f"heaptrack_print's stderr: {shorten(problems)}")
    return result.stdout


def printed_sum(context, path, cost):
    """The sum of heaptrack_print -F, which is exact; its text output is rounded."""
    out = context.path("heaptrack.stacks")
    printed(context, path, "-F", out, "--flamegraph-cost-type", cost, "-p0", "-a0", "-T0")
    with open(out, encoding="utf-8") as file:
        return sum(int(line.rsplit(" ", 1)[1]) for line in file)
