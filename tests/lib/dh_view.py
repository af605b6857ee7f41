# SPDX-License-Identifier: MIT
"""Valgrind's own viewer, dh_view.html, as a reader of our files."""

import re

from lib.harness import check, check_equal, check_in

PAGE = "/usr/libexec/valgrind/dh_view.html"

# The metrics of dh_view's menu for a file without recorded accesses; the other 8 are then disabled.
LIFETIME_METRICS = [
    "Total (bytes)",
    "Total (blocks)",
    "Total (blocks), tiny",
    "Total (blocks), short-lived",
    "At t-gmax (bytes)",
    "At t-end (bytes)",
]
METRICS_IN_ALL = 14

_ROOT_TEXT = "let p = document.querySelector('pre > .internal, pre > .leaf'); return p ? p.textContent : ''"
_TIMES_TEXT = "let p = document.querySelector('pre > .times'); return p ? p.textContent : ''"
_ERROR_TEXT = "let p = document.querySelector('.error'); return p ? p.textContent : ''"
_DONE = "return !!document.querySelector('.error, pre .threshold')"
_BAD_NUMBER = "return (document.querySelector('pre').textContent.match(/.*(NaN|undefined|Infinity).*/) || [''])[0]"


class Shown:
    """What the page shows for a file: an error, or totals (of the tree's root) and metrics (the enabled labels)."""

    def __init__(self):
        self.error = ""
        self.console = []
        self.totals = {}
        self.metrics = []


def _number(text):
    return int(text.replace(",", ""))


def _parse_totals(root, times):
    totals = {}
    lines = {
        "total": r"Total: +([\d,]+) \S+ \(.*?\) in ([\d,]+) \S+ \(",
        "peak": r"At t-gmax: ([\d,]+) \S+ \(.*?\) in ([\d,]+) \S+ \(",
        "end": r"At t-end: +([\d,]+) \S+ \(.*?\) in ([\d,]+) \S+ \(",
    }
    for name, pattern in lines.items():
        found = re.search(pattern, root)
        if found:
            totals[name + "_bytes"], totals[name + "_blocks"] = _number(found.group(1)), _number(found.group(2))
    for name, pattern in {"peak_time": r"t-gmax: ([\d,]+) ", "end_time": r"t-end: +([\d,]+) "}.items():
        found = re.search(pattern, times)
        if found:
            totals[name] = _number(found.group(1))
    return totals


def load(browser, path, every_metric=True):
    """Load a file as a user does, through the page's file input, then choose each metric in turn."""
    shown = Shown()
    browser.open("file://" + PAGE)
    browser.console_errors()
    browser.type(browser.find("input[type=file]")[0], path)
    browser.wait(_DONE, "dh_view to show " + path)
    shown.error = browser.run(_ERROR_TEXT)
    if not shown.error:
        shown.totals = _parse_totals(browser.run(_ROOT_TEXT), browser.run(_TIMES_TEXT))
        if every_metric:
            _choose_metrics(browser, shown)
    shown.console += browser.console_errors()
    return shown


def _choose_metrics(browser, shown):
    options = browser.find("select option")
    for position, option in enumerate(options):
        # The menu shows the attribute "label", which dh_view sets.
        label, disabled = browser.run(
            "let o = document.querySelectorAll('select option')[arguments[0]]; return [o.label, o.disabled]", position
        )
        if disabled:
            continue
        browser.run("document.querySelector('pre').remove()")
        browser.click(option)
        # Choosing the current metric does not fire a change event.
        browser.run("let s = document.querySelector('select'); if (!document.querySelector('pre, .error')) s.onchange()")
        browser.wait(_DONE, "metric " + label)
        error = browser.run(_ERROR_TEXT)
        check_equal(error, "", f"dh_view, metric {label}")
        check_in("PP 1/1 ", browser.run(_ROOT_TEXT), f"dh_view, metric {label}: the root")
        check_equal(browser.run(_BAD_NUMBER), "", f"dh_view, metric {label}: not a number")
        check(browser.title().endswith(label), f"dh_view, metric {label}: the title is {browser.title()!r}")
        shown.metrics.append(label)
    check_equal(len(options), METRICS_IN_ALL, "metrics in dh_view's menu")


def sums(points):
    """The totals that dh_view must show for these program points."""
    names = {"total": "t", "peak": "g", "end": "e"}
    totals = {}
    for name, letter in names.items():
        totals[name + "_bytes"] = sum(point[letter + "b"] for point in points)
        totals[name + "_blocks"] = sum(point[letter + "bk"] for point in points)
    return totals
