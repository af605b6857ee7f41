# SPDX-License-Identifier: MIT
"""Evaluates the samples: ratios to native, the goals, one Markdown table."""

import statistics

from tools import BY_NAME
from workloads import WORKLOADS

PAIRS = {workload.name for workload in WORKLOADS if workload.pairs}
REAL = {workload.name for workload in WORKLOADS if workload.real}


class Results:
    """samples maps (workload, tool) to a list; small is the same for native runs with the work of the slow tools."""

    def __init__(self, pick=statistics.median):
        self.pick = pick
        self.samples, self.small, self.broken, self.extras = {}, {}, {}, {}

    def add(self, workload, tool, sample, small=False):
        (self.small if small else self.samples).setdefault((workload, tool), []).append(sample)

    def typical(self, workload, tool, value, small=False):
        """The typical value of all rounds."""
        samples = (self.small if small else self.samples).get((workload, tool))
        if not samples or (workload, tool) in self.broken:
            return None
        return self.pick([value(sample) for sample in samples])

    def _pair(self, workload, tool, value):
        """The values of the tool, and of native runs with the same work."""
        return self.typical(workload, tool, value), self.typical(workload, "native", value, BY_NAME[tool].slow)

    def ratio(self, workload, tool, value):
        own, native = self._pair(workload, tool, value)
        return own / native if own is not None and native else None

    def added_ns(self, workload, tool):
        if workload not in PAIRS:
            return None
        helpers = BY_NAME[tool].helpers
        cost = (lambda s: s.cpu_s * 1e9 / s.pairs) if helpers else (lambda s: s.pairs_cpu_ns / s.pairs)
        own, native = self._pair(workload, tool, cost)
        return own - native if own is not None and native is not None else None

    def two_threads(self, tool):
        """Wall time per pair with two threads, as a ratio to one thread. Uses the best rounds, since the machine is busy."""

        def best(name):
            samples = self.samples.get((name, tool), []) if (name, tool) not in self.broken else []
            return min((sample.pairs_wall_ns / sample.pairs for sample in samples), default=None)

        one, two = best("depth-20"), best("threads-2")
        return 2 * two / one if one and two else None

    def geomean(self, tool, value, names):
        ratios = [ratio for ratio in (self.ratio(name, tool, value) for name in names) if ratio]
        return statistics.geometric_mean(ratios) if ratios else None

    def median_ns(self, tool, names):
        added = [ns for ns in (self.added_ns(name, tool) for name in names) if ns is not None]
        return statistics.median(added) if added else None


def cpu(sample):
    return sample.cpu_s


def rss(sample):
    return sample.rss_kib


def _show(value, form):
    return "-" if value is None else form.format(value)


def _row(name, native, cells):
    return f"| {' | '.join([name, native, *cells])} |"


def table(results, tools, names):
    """One table with CPU, memory and ns per pair."""
    others = [tool for tool in tools if tool.name != "native"]
    lines = [_row("", "native", [tool.title for tool in others]), _row("---", "--:", ["--:"] * len(others))]

    def block(title, value, form, native_scale):
        lines.append(_row(f"**{title}**", "", [""] * len(others)))
        for name in names:
            cells = [
                results.broken.get((name, tool.name)) or _show(results.ratio(name, tool.name, value), form)
                for tool in others
            ]
            native = results.typical(name, "native", value)
            lines.append(_row(name, _show(native and native * native_scale[0], native_scale[1]), cells))
        for title, chosen in (("geomean", names), ("geomean, real programs", [name for name in names if name in REAL])):
            if chosen:
                means = [_show(results.geomean(tool.name, value, chosen), form) for tool in others]
                lines.append(_row(f"**{title}**", "", means))

    block("CPU", cpu, "{:.2f}", (1, "{:.2f} s"))
    block("peak RSS", rss, "{:.2f}", (1 / 1024, "{:.1f} MiB"))
    pairs = [name for name in names if name in PAIRS]
    if pairs:
        lines.append(_row("**CPU ns added to a malloc/free pair**", "", [""] * len(others)))
        for name in pairs:
            native = results.typical(name, "native", lambda s: s.pairs_cpu_ns / s.pairs)
            cells = [_show(results.added_ns(name, tool.name), "{:+.0f}") for tool in others]
            lines.append(_row(name, _show(native, "{:.0f} ns"), cells))
        medians = [_show(results.median_ns(tool.name, pairs), "{:+.0f}") for tool in others]
        lines.append(_row("**median**", "", medians))
    if {"depth-20", "threads-2"} <= set(names):
        native, *two = (_show(results.two_threads(tool.name), "{:.2f}") for tool in tools)
        lines.append(_row("**2 threads, wall ns per pair, ratio to 1 thread**", native, two))
    return lines


def goals(results, names):
    """The goals as (what, measured, limit, format)."""

    def ratio(name):
        return results.ratio(name, "ctrace", cpu)

    two, two_native = results.two_threads("ctrace"), results.two_threads("native")
    return [
        ("CPU, geomean", results.geomean("ctrace", cpu, names), 1.5, "{:.2f}"),
        ("CPU added to a pair, median", results.median_ns("ctrace", names), 50, "{:.0f} ns"),
        ("CPU, python3", ratio("python3"), 1.35, "{:.2f}"),
        ("CPU, cc1plus", ratio("cc1plus"), 1.3, "{:.2f}"),
        ("CPU, sqlite3", ratio("sqlite3"), 1.3, "{:.2f}"),
        ("CPU, redis", ratio("redis"), 1.2, "{:.2f}"),
        ("CPU added to a pair, 20 frames", results.added_ns("depth-20", "ctrace"), 35, "{:.0f} ns"),
        ("CPU added to a pair, 100 frames", results.added_ns("depth-100", "ctrace"), 75, "{:.0f} ns"),
        ("2 threads against 1, more than native's", two and two_native and two / two_native, 1.3, "{:.2f}"),
        ("peak RSS, geomean", results.geomean("ctrace", rss, names), 1.3, "{:.2f}"),
        ("CPU sampled, geomean", results.geomean("ctrace-sampled", cpu, names), 1.03, "{:.2f}"),
        ("report of 10,000 sites", results.extras.get("report of 10,000 sites"), 1, "{:.2f} s"),
        ("ctrace-top of 100,000 sites", results.extras.get("ctrace-top of 100,000 sites"), 1, "{:.2f} s"),
    ]


def goal_table(results, names):
    """The goals that were measured."""
    lines = []
    for what, measured, limit, form in goals(results, names):
        if measured is not None:
            verdict = "met" if measured <= limit else "missed"
            lines.append(f"| {what} | {form.format(measured)} | {form.format(limit)} | {verdict} |")
    return lines and ["| ctrace | measured | goal | |", "| --- | --: | --: | --- |", *lines]


def extras_list(results):
    """How long other things took."""
    return [f"- {what}: {seconds * 1000:.1f} ms" for what, seconds in results.extras.items()]
