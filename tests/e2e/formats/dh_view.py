# SPDX-License-Identifier: MIT
"""The real dh_view shows our files, and the check notices files that it cannot show."""

import copy
import json

from lib import browser, commands, dh_view, trace
from lib.harness import (
    Failure,
    Skip,
    check,
    check_caught,
    check_equal,
    check_in,
    missing_tool,
    program,
    test,
)


def _point(frames, **values):
    zero = dict.fromkeys(("tb", "tbk", "tl", "mb", "mbk", "gb", "gbk", "eb", "ebk"), 0)
    return dict(zero, fs=frames, **values)


def _small_file():
    """A correct file of the kind that ctrace writes."""
    return {
        "dhatFileVersion": 2,
        "mode": "heap",
        "verb": "Allocated",
        "bklt": True,
        "bkacc": False,
        "tu": "µs",
        "Mtu": "s",
        "tuth": 10,
        "cmd": "./app",
        "pid": 1,
        "te": 5000,
        "tg": 40,
        "pps": [
            _point([1, 2], tb=1500, tbk=3, tl=900, mb=1500, mbk=3, gb=1500, gbk=3, eb=500, ebk=1),
            _point([1, 2, 3], tb=7, tbk=7, tl=70, mb=7, mbk=7, gb=7, gbk=7),
        ],
        "ftbl": ["[root]", "0x1: leaf (a.c:1)", "0x2: main (a.c:9)", "0x3: _start (in /app)"],
    }


def _load(context, page, data, **options):
    return dh_view.load(page, context.write("file.json", json.dumps(data)), **options)


@test(needs=browser.NEEDS + (dh_view.PAGE,))
def bad_files(context):
    """Seeded violations: without them, a check that always passes would not be noticed."""
    repeated, missing, broken = _small_file(), _small_file(), _small_file()
    repeated["pps"].append(copy.deepcopy(repeated["pps"][1]))
    del missing["pps"][1]["gb"]
    for point in broken["pps"]:
        del point["tl"]  # dh_view does not check for this member, and shows NaN
    with browser.Browser() as page:
        good = _load(context, page, _small_file())
        check_equal(good.error, "", "the correct file")
        check_equal(good.console, [], "console, the correct file")
        check_equal(good.metrics, dh_view.LIFETIME_METRICS, "metrics that work")
        check_equal(
            good.totals,
            dict(dh_view.sums(_small_file()["pps"]), peak_time=40, end_time=5000),
            "totals that dh_view shows",
        )

        shown = _load(context, page, repeated)
        check_in("repeated location", shown.error, "file with a repeated location")
        check(shown.console, "file with a repeated location: nothing on the console")
        check_in("missing a field: gb", _load(context, page, missing).error, "file without gb")
        check_in("SyntaxError", dh_view.load(page, context.write("half.json", '{"dhatFile')).error, "half a file")
        check_caught(lambda: _load(context, page, broken), Failure, "not a number", "file without tl")


@test(needs=browser.NEEDS + (dh_view.PAGE, "valgrind"))
def valgrinds_own(context):
    """A file of Valgrind's DHAT: our reader of the page is also right for files that we did not write."""
    out = context.path("dhat.out")
    command = ["valgrind", "--tool=dhat", "--dhat-out-file=" + out, "/bin/ls", "/"]
    summary = context.run(command).check().stderr
    with open(out, encoding="utf-8") as data:
        points = json.load(data)["pps"]
    with browser.Browser() as page:
        shown = dh_view.load(page, out)
        page.screenshot(context.path("page.png"))
    check_equal(shown.error, "", "dh_view's error")
    check_equal(shown.console, [], "console")
    check_equal(len(shown.metrics), dh_view.METRICS_IN_ALL, "metrics that work")
    totals = dh_view.sums(points)
    check_equal({key: shown.totals[key] for key in totals}, totals, "totals that dh_view shows")
    check_in(f"Total:     {totals['total_bytes']:,} bytes in {totals['total_blocks']:,} blocks", summary, "stderr")
    with open(context.path("page.png"), "rb") as image:
        check_equal(image.read(8), b"\x89PNG\r\n\x1a\n", "screenshot's magic")


def _check_shown(page, report):
    shown = dh_view.load(page, report.path)
    name = report.data["cmd"][:60]
    check_equal((shown.error, shown.console), ("", []), f"{name}: dh_view's error, its console")
    wanted = dict(dh_view.sums(report.data["pps"]), peak_time=report.data["tg"], end_time=report.data["te"])
    check_equal(shown.totals, wanted, f"{name}: totals that dh_view shows")
    check_equal(shown.metrics, dh_view.LIFETIME_METRICS, f"{name}: metrics that work")


@test(needs=browser.NEEDS + (dh_view.PAGE,))
def all_programs(context):
    """The reports of all programs of the oracle, of a killed program, and of one that allocates nothing."""
    missing = missing_tool([tool for command in commands.COMMANDS for tool in command.needs])
    if missing:
        raise Skip(missing)
    for i, command in enumerate(commands.COMMANDS):
        trace.run(context, command.words(), out=f"{i}.%p.json", stdin=command.stdin)  # a pid may come again
    trace.export_sandboxed(context)
    trace.run(context, [program("ends"), "SIGKILL"], -9)
    trace.export_left_store(context)
    trace.run(context, [program("deep")], out="empty.%p.json")
    names = (*range(len(commands.COMMANDS)), "out", "empty")
    found = [report for name in names for report in trace.reports(context, f"{name}.*.json").values()]
    check_equal(len(found), len(commands.COMMANDS) + 2, "reports")
    check_equal(found[-1].data["pps"], [], "sites of the program that allocates nothing")
    with browser.Browser() as page:
        for report in found:
            _check_shown(page, report)
