# SPDX-License-Identifier: MIT
"""Evaluates the samples: ratios to native, the goals, one Markdown table."""

import statistics

import interval
from tools import BY_NAME
from workloads import WORKLOADS

PAIRS = {workload.name for workload in WORKLOADS if workload.pairs}
REAL = {workload.name for workload in WORKLOADS if workload.real}


class Results:
    """pairs maps (workload, tool) to a list of (sample under the tool, native sample); instructions to a count."""

    def __init__(self):
        self.pairs, self.instructions, self.broken, self.extras = {}, {}, {}, {}

    def add(self, workload, tool, own, native):
        self.pairs.setdefault((workload, tool), []).append((own, native))

    def is_settled(self, workload, tool):
        """Is enough known? A tool under which the workload fails does not run it again."""
        return (workload, tool) in self.broken or interval.is_settled(self.ratios(workload, tool, cpu))

    def ratios(self, workload, tool, value):
        both = self.pairs.get((workload, tool), []) if (workload, tool) not in self.broken else []
        return [value(own) / value(native) for own, native in both if value(native)]

    def ratio(self, workload, tool, value):
        ratios = self.ratios(workload, tool, value)
        return statistics.median(ratios) if ratios else None

    def spread(self, workload, tool, value):
        ratios = self.ratios(workload, tool, value)
        return interval.spread(ratios) if ratios else None

    def native(self, workload, value):
        """The typical value of all native runs with the whole work."""
        values = [
            value(native)
            for (name, tool), both in self.pairs.items()
            for _, native in both
            if name == workload and not BY_NAME[tool].slow
        ]
        return statistics.median(values) if values else None

    def added_ns(self, workload, tool):
        if workload not in PAIRS or (workload, tool) in self.broken:
            return None
        cost = (lambda s: s.cpu_s * 1e9 / s.pairs) if BY_NAME[tool].helpers else cpu_ns
        added = [cost(own) - cost(native) for own, native in self.pairs.get((workload, tool), [])]
        return statistics.median(added) if added else None

    def counted(self, workload, tool):
        own, native = (self.instructions.get((workload, name)) for name in (tool, "native"))
        return own / native if own and native else None

    def geomean(self, ratios):
        known = [ratio for ratio in ratios if ratio]
        return statistics.geometric_mean(known) if known else None

    def cpu_geomean(self, tool, names):
        return self.geomean(self.ratio(name, tool, cpu) for name in names)

    def median_ns(self, tool, names):
        added = [ns for ns in (self.added_ns(name, tool) for name in names) if ns is not None]
        return statistics.median(added) if added else None


def cpu_ns(sample):
    return sample.pairs_cpu_ns / sample.pairs


def wall_ns(sample):
    return sample.pairs_wall_ns / sample.pairs


def cpu(sample):
    return sample.cpu_s


def rss(sample):
    return sample.rss_kib


def _show(value, form):
    return "-" if value is None else form.format(value)


def _row(name, native, cells):
    return f"| {' | '.join([name, native, *cells])} |"


def _with_spread(value, spread):
    return _show(value, "{:.2f}") + ("" if value is None or spread is None else f" ±{100 * spread:.0f} %")


def table(results, tools, names):
    """One table with CPU, instructions, memory, wall time of threads, and ns per pair."""
    others = [tool for tool in tools if tool.name != "native"]
    lines = [_row("", "native", [tool.title for tool in others]), _row("---", "--:", ["--:"] * len(others))]

    def block(title, chosen, native, cell, *sums):
        """sums: of the whole block, as (title, a function of a tool)."""
        if not chosen:
            return
        lines.append(_row(f"**{title}**", "", [""] * len(others)))
        for name in chosen:
            cells = [results.broken.get((name, tool.name)) or cell(name, tool.name) for tool in others]
            lines.append(_row(name, native(name), cells))
        for sum_title, value in sums:
            lines.append(_row(f"**{sum_title}**", "", [value(tool.name) for tool in others]))

    def means(chosen, ratio, form="{:.2f}"):
        def mean(part, tool):
            """Only of tools that ran all of them: others cannot be compared."""
            known = [ratio(name, tool) for name in part]
            return results.geomean(known) if all(known) else None

        def of(part):
            return lambda tool: _show(mean(part, tool), form)

        real = [name for name in chosen if name in REAL]
        return [("geomean", of(chosen)), *([("geomean, real programs", of(real))] if real else [])]

    def ratios(title, value, form, chosen, spread):
        def ratio(name, tool):
            return results.ratio(name, tool, value)

        block(
            title,
            chosen,
            lambda name: _show(results.native(name, value), form),
            lambda name, tool: _with_spread(ratio(name, tool), results.spread(name, tool, value) if spread else None),
            *means(chosen, ratio),
        )

    ratios("CPU", cpu, "{:.2f} s", names, True)
    counted = [name for name in names if results.instructions.get((name, "native"))]
    block(
        "instructions, callgrind",
        counted,
        lambda name: _show(results.instructions[name, "native"] / 1e6, "{:.0f} million"),
        lambda name, tool: _show(results.counted(name, tool), "{:.3f}"),
        *means(counted, results.counted, "{:.3f}"),
    )
    ratios("peak RSS", lambda sample: rss(sample) / 1024, "{:.1f} MiB", names, False)
    pairs = [name for name in names if name in PAIRS]
    ratios("wall time of threads", wall_ns, "{:.0f} ns a pair", [name for name in pairs if "threads" in name], True)
    block(
        "CPU ns added to a malloc/free pair",
        pairs,
        lambda name: _show(results.native(name, cpu_ns), "{:.0f} ns"),
        lambda name, tool: _show(results.added_ns(name, tool), "{:+.0f}"),
        ("median", lambda tool: _show(results.median_ns(tool, pairs), "{:+.0f}")),
    )
    return lines


def goals(results, names):
    """The goals as (what, measured, limit, format)."""

    def ratio(name):
        return results.ratio(name, "ctrace", cpu)

    def memory(chosen):
        return results.geomean(results.ratio(name, "ctrace", rss) for name in chosen)

    real = [name for name in names if name in REAL]
    one, two = (results.ratio(name, "ctrace", wall_ns) for name in ("depth-20", "threads-2"))
    return [
        ("CPU, geomean", results.cpu_geomean("ctrace", names), 1.5, "{:.2f}"),
        ("CPU, geomean, real programs", results.cpu_geomean("ctrace", real), 1.12, "{:.2f}"),
        ("CPU added to a pair, median", results.median_ns("ctrace", names), 50, "{:.0f} ns"),
        ("CPU, python3", ratio("python3"), 1.4, "{:.2f}"),
        ("CPU, cc1plus", ratio("cc1plus"), 1.3, "{:.2f}"),
        ("CPU, sqlite3", ratio("sqlite3"), 1.3, "{:.2f}"),
        ("CPU, redis", ratio("redis"), 1.35, "{:.2f}"),
        ("CPU added to a pair, 20 frames", results.added_ns("depth-20", "ctrace"), 38, "{:.0f} ns"),
        ("CPU added to a pair, 100 frames", results.added_ns("depth-100", "ctrace"), 62, "{:.0f} ns"),
        ("2 threads against 1, more than native's", one and two and two / one, 1.35, "{:.2f}"),
        ("peak RSS, geomean", memory(names), 1.3, "{:.2f}"),
        ("peak RSS, geomean, real programs", memory(real), 1.15, "{:.2f}"),
        ("CPU sampled, geomean", results.cpu_geomean("ctrace-sampled", names), 1.02, "{:.2f}"),
        ("CPU asleep, geomean", results.cpu_geomean("ctrace-asleep", names), 1.01, "{:.2f}"),
        ("report of 10,000 sites", results.extras.get("report of 10,000 sites"), 0.1, "{:.2f} s"),
        ("ctrace-top of 100,000 sites", results.extras.get("ctrace-top of 100,000 sites"), 0.3, "{:.2f} s"),
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
