# SPDX-License-Identifier: MIT
"""Reports with a ledger: taken by the exporter at the program's end, or from a running program. And the interactive view."""

import json

from lib import browser, dhat, memory, trace
from lib.harness import CTRACE, CTRACE_TOP, PYTHON, check, check_equal, check_in, program, test
from lib.page import NEEDS, show, text
from lib.screen import Terminal

PAGE = 4096


def _advice(context, path):
    return json.loads(context.run([CTRACE, "advise", "-f", "json", path]).check().stdout)


@test()
def at_the_end(context):
    """With CTRACE_MEMORY, a report has the ledger of the process as it was at its end, and resident bytes by site."""
    result = trace.run(context, [program("pages"), "pins"], out="heap.json", CTRACE_MEMORY=1, CTRACE_QUIET=0)
    check_equal([line.split()[1] for line in result.stderr.splitlines()], ["total", "peak", "report"], "lines on stderr")
    path = context.path("heap.json")
    got = json.loads(context.run([CTRACE, "memory", "--json", path]).check().stdout)
    check_equal(sum(got["rows"].values()), got["rssBytes"], "the sum of the rows")
    check(abs(got["rows"]["unexplained"]) <= got["rssBytes"] / 50, f"unexplained: {got}")
    check(1800 * PAGE < got["pinnedBytes"] < 2200 * PAGE, f"pinned: {got}")
    report = dhat.check_file(path)
    check_equal(report.total("eb"), got["liveBytes"], "live bytes of the sites, and in the ledger")
    check_equal(report.total("rsb") + report.total("utb") + report.total("swb"), got["liveBytes"], "resident, untouched and swapped bytes")
    alone, first = (report.leaf(name)[0] for name in ("make_alone", "make_first"))
    check(alone["pnb"] > 900 * PAGE > 20 * PAGE > first["pnb"], "pinned bytes by site")
    finding = next(row for row in _advice(context, path)["findings"] if row["kind"] == "pins")
    check_in("make_alone pages.c:", finding["where"], "who pins most")
    check_equal(finding["savedBytes"], alone["shb"], "bytes saved")
    check_equal(report.total("shb"), got["pinnedBytes"], "all shares")
    sites = json.loads(context.run([CTRACE, "export", "-f", "json", "-o", "-", path]).check().stdout)
    check_equal(sites["memory"], got, "the ledger in the format json")
    table = context.run([CTRACE_TOP, "--pins", "-n", "1", path]).check().stdout
    check_in("are free but pinned", table, "the heap in words")
    check_in("make_alone pages.c:", table, "the first row")
    narrow = context.run([CTRACE_TOP, "--pins", "-n", "1", path], env=context.environment(COLUMNS=60)).check().stdout
    lines = narrow[narrow.index("memory  ") : narrow.index("live  ")].splitlines()
    check_in("are free in whole pages", " ".join(" ".join(lines).split()), "the heap in words, in 60 columns")
    check(all(len(line) <= 60 and not line[-1].isdigit() for line in lines), f"too wide, or a number without its unit: {narrow}")
    for words, shown in (((), False), (("--resident",), True), (("--sort", "pinned"), True)):
        head = context.run([CTRACE_TOP, *words, path]).check().stdout
        check_equal("PINNED" in head, shown, f"PINNED in the table with {words}")


@test(needs=NEEDS)
def page(context):
    """The page of such a report has the ledger, which adds up, and columns for what is resident, untouched and pinned."""
    trace.run(context, [program("pages"), "touch"], out="heap.json", CTRACE_MEMORY=1)
    with browser.Browser() as page:
        show(context, page, context.path("heap.json"))
        rows = page.run("return [...document.querySelectorAll('#memory tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent))")
        words = [row[2] for row in rows]
        check(words[0].startswith("live blocks") and words[-2:] == ["unexplained", "RSS"], f"rows: {rows}")
        shares = sum(float(row[1].split()[0]) for row in rows[:-1])
        check(99 < shares < 101, f"shares: {rows}")
        check_in("are free but pinned", text(page, "#memory .status"), "the heap in words")
        head = page.run("return [...document.querySelectorAll('#sites thead th')].map((th) => th.dataset.key).filter((key) => /resident|untouched|pinned/.test(key))")
        check_equal(head, ["residentBytes", "untouchedBytes", "pinnedBytes"], "columns")
        check_equal(page.console_errors(), [], "console")


@test()
def without_one(context):
    """A report without a ledger says how to get one, and its findings do not speak of pages."""
    trace.run(context, [program("pages"), "pins"], out="heap.json")
    path = context.path("heap.json")
    check_in("record with --memory", context.run([CTRACE, "memory", path]).check(2).stderr, "ctrace memory")
    check_in("record with --memory", context.run([CTRACE_TOP, "--pins", path]).check(2).stderr, "ctrace top --pins")
    advice = _advice(context, path)
    check("pins" in advice["notLookedFor"] and all(row["kind"] != "pins" for row in advice["findings"]), f"advice: {advice}")
    data = json.loads(open(path, encoding="utf-8").read())
    check("memory" not in data["ctrace"] and "rsb" not in data["pps"][0], "members of a report without a ledger")


@test()
def narrow_terminals(context):
    """Of the columns that --pins and --resident choose, a narrow terminal drops the last, but never the sorted one or a named one."""
    trace.run(context, [program("pages"), "pins"], out="heap.json", CTRACE_MEMORY=1)
    all_of_them = ["SHARE", "%", "SUM%", "PINNED", "RESIDENT", "END", "BLOCKS", "UNTOUCHED"]
    for columns, words, wanted in (
        (60, ["--pins"], all_of_them[:2]),
        (80, ["--pins"], all_of_them[:2] + all_of_them[3:5]),
        (100, ["--pins"], all_of_them[:2] + all_of_them[3:]),
        (160, ["--pins"], all_of_them),
        (60, ["--pins", "--sort=untouched"], ["UNTOUCHED", "%"]),
        (80, ["--resident"], ["RESIDENT", "%", "END", "BLOCKS"]),
        (60, ["--columns=share,pinned,resident,end"], all_of_them[:6]),
    ):
        shown = context.run([CTRACE_TOP, *words, context.path("heap.json")], env=context.environment(COLUMNS=columns)).check().stdout
        head = next(line for line in shown.splitlines() if line.endswith("WHERE"))
        check_equal(head.split(), [*wanted, "WHERE"], f"columns with {words} in a terminal of {columns}")
        check("--columns" in words[0] or columns - head.index("WHERE") >= 34, f"room for names with {words} in a terminal of {columns}: {head}")


@test()
def through_record(context):
    path = context.path("heap.json")
    words = [CTRACE, "record", "--memory", "-o", path, program("pages"), "touch"]
    said = context.run(words).check().stderr
    check_in("report " + path, said, "what record says")
    got = json.loads(context.run([CTRACE, "memory", "--json", path]).check().stdout)
    check(18 << 20 < got["rows"]["live"] < 20 << 20, f"live: {got}")


@test(needs=PYTHON)
def children_too(context):
    """Each process has its own, also one that was forked and ends by os._exit."""
    script = "import os\nkept = [bytes(5000) for i in range(400)]\npid = os.fork()\nmore = [bytes(9000) for i in range(300)]\n"
    script += "pid and os.waitpid(pid, 0)\nos._exit(0)"
    trace.run(context, [PYTHON, "-c", script], CTRACE_MEMORY=1)
    reports = trace.reports(context)
    check_equal(len(reports), 2, "reports")
    for report in reports.values():
        got = json.loads(context.run([CTRACE, "memory", "--json", report.path]).check().stdout)
        check_equal(got["liveBytes"], report.total("eb"), "live bytes in the ledger and in the report")
        check(got["rows"]["live"] > 2_000_000, f"rows: {got}")


@test()
def of_a_running_program(context):
    path = context.path("now.json")
    with memory.waiting(context, program("pages"), "touch") as pages:
        pages.ready()
        wanted = memory.ledger(context, pages.pid)
        context.run([CTRACE, "export", "--live", "--memory", "-o", path, pages.pid]).check()
        for words in (["--memory", "-o", path, pages.pid], ["--live", "--memory", "-o", context.path("a.store"), pages.pid]):
            check_in("--memory needs --live and -o FILE", context.run([CTRACE, "export", *words]).check(2).stderr, f"export {words}")
    got = json.loads(context.run([CTRACE, "memory", "--json", path]).check().stdout)
    check_equal(got["rows"], wanted["rows"], "the rows in the report, and from the process")
    trace.run(context, [program("pages"), "touch"], out="old.json", CTRACE_KEEP_STORE=1)
    late = context.run([CTRACE, "export", "--live", "--memory", "-o", path, context.path("old.json.store")])
    check_in("where its memory is cannot be said: there is no process", late.check().stderr, "a process that has ended")


@test()
def interactive(context):
    """The live view has the ledger above its rows, and the columns; they stay when the program has ended."""
    with memory.waiting(context, program("pages"), "pins") as pages:
        pages.ready()
        with Terminal(context, [CTRACE_TOP, "-p", pages.pid, "--pins"], columns=140, lines=30) as terminal:
            shown = terminal.wait_for("make_alone")
            check_in("resident: ", shown, "the ledger")
            check_in("are free but pinned", shown, "the heap in words")
            head = next(line for line in shown.splitlines() if "WHERE" in line)
            check_equal([word for word in head.split() if word in ("LIVE", "RESIDENT", "UNTOUCHED", "PINNED")], ["LIVE", "RESIDENT", "UNTOUCHED", "PINNED"], "columns")
            pages.go_on()
            pages.ready()
            terminal.wait(lambda shown: "3.91 MiB are free but pinned" in shown, "the ledger after the blocks were freed")
            pages.process.kill()
            check_in("resident: ", terminal.wait_for("process ended"), "the last ledger")
            terminal.press("q")
            check_equal(terminal.ended(), 0, "status")
