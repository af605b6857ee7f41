# SPDX-License-Identifier: MIT
"""The tabs of the page of ctrace html, with a real mouse and keyboard: leaks, threads, findings, and the view's address."""

import json
import os

from lib import browser
from lib.harness import BUILD, CTRACE, CTRACE_TOP, PYTHON, check, check_equal, check_in, program, test
from lib.page import AXE, NEEDS, box, click, keys, load_axe, open_page, pointer, recorded, root, search, show, text, violations

RIGHT, LEFT, HOME, END, ENTER = "\ue014", "\ue012", "\ue011", "\ue010", "\ue007"
TABS = ["overview", "sites", "functions", "leaks", "threads", "findings", "source"]
CLASSES = (("lost", "lob", "lok"), ("indirect", "inb", "ink"), ("possible", "pob", "pok"), ("reachable", "reb", "rek"), ("end", "eb", "ebk"))


def _shown(page):
    """The chosen tab, and the sections that can be seen."""
    return page.run("return [document.querySelector('[role=tab][aria-selected=true]').id, [...document.querySelectorAll('#panel > section')].filter((s) => s.offsetHeight).map((s) => s.id)]")


def _column(page, table, key):
    """The values of a table's column, by row."""
    script = """
      const table = document.querySelector(arguments[0]), at = [...table.querySelectorAll('thead th')].findIndex((th) => th.dataset.key === arguments[1] || th.textContent === arguments[1]);
      return Object.fromEntries([...table.querySelectorAll('tbody tr')].map((row) => [(row.querySelector('.name') ?? row.cells[0]).textContent, Number(row.cells[at].dataset.value)]));
    """
    return page.run(script, table, key)


@test(needs=NEEDS)
def moves(context):
    """Tabs are chosen by mouse and keys, a link opens the same one, and Back goes to the one before."""
    report, _ = recorded(context)
    with browser.Browser() as page:
        show(context, page, report)
        check_equal(_shown(page), ["tab-overview", ["findings", "timeline", "grew", "view", "calls", "sites"]], "as it opens")
        for key, sections in (("sites", ["view", "sites"]), ("functions", ["view", "functions"]), ("leaks", ["view", "leaks"]), ("threads", ["view", "threads"]), ("findings", ["every-finding", "what-if"]), ("source", ["view", "source"])):
            click(page, f"#tab-{key}")
            check_equal(_shown(page), [f"tab-{key}", sections], f"after a click on {key}")
            check_in(f"tab={key}", page.run("return location.hash"), "the address")
            check_equal(page.run("return document.getElementById('panel').getAttribute('aria-labelledby')"), f"tab-{key}", "the panel's name")
        for code, wanted in ((RIGHT, "overview"), (LEFT, "source"), (LEFT, "findings"), (HOME, "overview"), (RIGHT, "sites"), (END, "source")):
            keys(page, code)
            check_equal([_shown(page)[0], page.run("return document.activeElement.id")], [f"tab-{wanted}"] * 2, "after a key")
        order = page.run("return [...document.querySelectorAll('[role=tab]')].filter((tab) => tab.tabIndex === 0).map((tab) => tab.id)")
        check_equal(order, ["tab-source"], "tabs that the Tab key reaches")
        for wanted in ("sites", "overview", "findings"):
            page.run("history.back()")
            page.wait(f"return document.querySelector('#tab-{wanted}[aria-selected=true]')", f"Back to {wanted}")
        for key in TABS:
            open_page(page, context.path("view.html"), f"#tab={key}")
            check_equal(_shown(page)[0], f"tab-{key}", "a link")
            check_equal(page.run("return [...document.querySelectorAll('#panel > section')].some((s) => s.offsetHeight)"), True, f"{key} shows something")
        # The chart and the graph of a page that opened with another tab are as wide as the page.
        click(page, "#tab-overview")
        wide = "return [document.querySelector('#chart div.area').clientWidth, document.querySelector('.frame').clientWidth]"
        page.wait(f"return (() => {{ {wide} }})().every((width) => width > 800)", "chart and graph")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def leaks(context):
    """Leaks shows the classes of --reach, the findings about them, and the sites; each leads to the graph."""
    report, data = recorded(context, options=("--reach",))
    sums = lambda key: sum(point[key] for point in data["pps"])
    wanted = [row for row in json.loads(context.run([CTRACE, "advise", "-n", "0", "-f", "json", report]).check().stdout)["findings"] if row["kind"] in ("lost", "leak")]
    with browser.Browser() as page:
        show(context, page, report, "#tab=leaks")
        for column, at in (("Bytes", 1), ("Blocks", 2)):
            rows = page.run(f"return Object.fromEntries([...document.querySelectorAll('#leak-classes tbody tr')].map((row) => [row.dataset.class, Number(row.cells[{at}].dataset.value)]))")
            check_equal(rows, {row[0]: sums(row[at]) for row in CLASSES}, f"{column} of the classes")
        check(sums("lob") > 0 and sums("reb") > 0, "the program loses nothing")
        titles = page.run("return [...document.querySelectorAll('#leak-verdict li')].map((li) => [li.querySelector('b').textContent, li.querySelector('dd').textContent])")
        check_equal(titles, [[row["title"], row["where"]] for row in wanted], "findings about leaks")
        check_in("leak_token", titles[0][1], "the first of them")
        first = page.run("const row = document.querySelector('#leaks [data-site]'); return [row.querySelector('.open').textContent, Number(row.querySelector('td.number').dataset.value)]")
        check_equal(first, ["leak_token", sum(point["lob"] for point in data["pps"] if any("leak_token" in data["ftbl"][i] for i in point["fs"]))], "the first site")
        check_equal(text(page, "#leaks-table-status").split(" ")[0], str(sum(point["eb"] + point["ebk"] > 0 for point in data["pps"])), "sites with blocks at the end")
        click(page, "#leaks [data-site] td.number")
        check(page.find("#leaks tr.details .stack a.place"), "the stack of a site, with links")
        search(page, "leak_token")
        click(page, "#ignore")
        check_equal(page.run("return Number(document.querySelector('[data-class=lost] td.number').dataset.value)"), 0, "lost, with the leak ignored")
        click(page, "#filters button")
        click(page, "[data-class=lost] .name")
        check_equal([_shown(page)[0], page.run("return document.getElementById('metric').value"), root(page)], ["tab-overview", "lostBytes", sums("lob")], "a class in the graph")
        click(page, "#tab-leaks")
        click(page, "#leak-verdict button")
        check_equal([_shown(page)[0], text(page, "#filters")[:17]], ["tab-overview", "focus ^leak_token"], "a finding in the graph")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def stays(context):
    """Leaks lists the verdicts on what stays: a small leak, and the large cache beside it; each leads to the graph."""
    report, _ = recorded(context, program("leaky"), "leak")
    said = json.loads(context.run([CTRACE, "advise", "-f", "json", report]).check().stdout)["stays"]
    with browser.Browser() as page:
        show(context, page, report, "#tab=leaks")
        lines = page.run("return [...document.querySelectorAll('#leak-stays li')].map((li) => li.textContent)")
        check_equal(len(lines), 2, f"lines: {lines}")
        for line, row in zip(lines, said):
            check(line.endswith(f" in {row['where']}: {row['because']}"), f"{line} is not {row}")
        check_in("cache, full since", lines[0], "the cache")
        check_in("steady leak of", lines[1], "the leak")
        click(page, "#leak-stays li:nth-child(2) button")
        check_equal(_shown(page)[0], "tab-overview", "a leak in the graph")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def no_leak(context):
    """Without a finding about leaks, the page says why in the terminal's words, and which command knows more."""
    work = "x = [str(i) for i in range(3000)]; del x"
    with browser.Browser() as page:
        for options in ((), ("--reach",)):
            report, _ = recorded(context, PYTHON, "-c", work, options=options)
            said = json.loads(context.run([CTRACE, "advise", "-f", "json", report]).check().stdout)
            check(not [row for row in said["findings"] if row["kind"] in ("lost", "leak")], "the program leaks")
            show(context, page, report, "#tab=leaks")
            printed = " ".join(context.run([CTRACE, "advise", report]).check().stdout.split()).replace(" us", " µs")
            check_in(text(page, "#leak-verdict .empty")[1:].rstrip("."), printed, "why there is none")
            check_equal("Which of these blocks the program had lost is not known" in text(page, "#leak-verdict"), not options, f"what is not known, {options}")
        check_equal(page.console_errors(), [], "console")


def _of_threads(data, key):
    """What each thread has, without the sites of no thread."""
    sums = {}
    for point in data["pps"]:
        label = data["ftbl"][point["fs"][-1]]
        check_in("[thread ", label, "the root of a stack")
        name = label.split("[thread ")[1].rstrip("]")
        sums[name] = sums.get(name, 0) + point[key]
    return sums


@test(needs=NEEDS)
def threads(context):
    """Each thread has its numbers; a click shows only what it allocated, everywhere, and split stacks name their thread."""
    report, data = recorded(context, options=("--threads", "--reach"))
    total = sum(point["tb"] for point in data["pps"])
    stacks = {tuple(point["fs"][:-1]) for point in data["pps"]}
    with browser.Browser() as page:
        show(context, page, report, "#tab=threads")
        for column, key in (("totalBytes", "tb"), ("totalBlocks", "tbk"), ("peakBytes", "gb"), ("endBytes", "eb"), ("lostBytes", "lob"), ("temporaryBlocks", "tmpk")):
            check_equal(_column(page, "#threads table", column), _of_threads(data, key), column)
        bytes_ = _of_threads(data, "tb")
        check(len(bytes_) == 5, f"threads: {bytes_}")
        name = max(bytes_, key=bytes_.get)
        first = "return document.querySelector('#threads tbody .name').textContent"
        click(page, "#threads [data-key=lostBytes] button")
        lost = _of_threads(data, "lob")
        check_equal(lost[page.run(first)], max(lost.values()), "the first thread by lost bytes")
        click(page, "#threads .name", name)
        check_equal(text(page, "#filters").rstrip("×"), f"thread {name}", "the filter in force")
        check_equal(_column(page, "#threads table", "totalBytes"), bytes_, "the threads, of which one is chosen")
        click(page, "#tab-overview")
        check_equal(root(page), bytes_[name], "the graph of one thread")
        check_equal(text(page, "[data-metric=totalBytes] .detail").split(" ")[0].replace(",", ""), str(_of_threads(data, "tbk")[name]), "the card of one thread")
        click(page, "[data-metric=peakBytes]")
        check_equal(root(page), _of_threads(data, "gb")[name], "the peak of one thread")
        click(page, "[data-metric=totalBytes]")
        link = page.run("return location.hash")
        open_page(page, context.path("view.html"), link)
        check_equal(root(page), bytes_[name], "the same link")
        click(page, "#filters button")
        check_equal(root(page), total, "all threads again")
        # folded: a row for each stack; split: one for each stack and thread
        click(page, "#tab-sites")
        count = "return document.querySelectorAll('#sites [data-site]').length"
        check_equal(page.run(count), len(stacks), "rows of folded threads")
        check_equal(page.run("const at = [...document.querySelectorAll('#sites th')].findIndex((th) => th.dataset.key === 'threads'); return document.querySelector('#sites tbody tr').cells[at].textContent"), "4", "threads of the first row")
        click(page, "#split")
        check_equal(page.run(count), len(data["pps"]), "rows of split threads")
        rows = page.run("return [...document.querySelectorAll('#sites [data-site]')].map((row) => [row.querySelector('.state').textContent, Number(row.querySelector('td.number').dataset.value)])")
        check_equal({name: sum(value for label, value in rows if label == f"thread {name}") for name in bytes_}, bytes_, "sums of the split rows")
        click(page, "#tab-overview")
        names = page.run("return Object.fromEntries([...document.querySelectorAll('.frame[aria-level=\"2\"]')].map((f) => [f.getAttribute('aria-label').split(':')[0], Number(f.dataset.value)]))")
        check_equal(names, {f"[thread {name}]": value for name, value in bytes_.items() if value > total / 1000}, "the graph's first calls")
        check_equal(root(page), total, "the graph's sum")
        page.run("history.back()")
        page.wait("return document.getElementById('tab-sites').ariaSelected === 'true'", "Back")
        page.run("history.back()")
        page.wait("return !document.getElementById('split').checked", "Back to folded threads")
        check_equal(page.run(count), len(stacks), "rows after Back")
        show(context, page, report, options=("--split-threads",))
        check_equal([page.run("return document.getElementById('split').checked"), page.run(count) > len(stacks)], [True, True], "--split-threads")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def moment_of_a_thread(context):
    """What was live at a moment, and what grew in between, is that of the chosen thread; the sums are those of the graph."""
    report, data = recorded(context, options=("--threads",))
    of_thread = lambda snapshot, name: sum(row[1] for row in snapshot[3] if data["ftbl"][data["pps"][row[0]]["fs"][-1]].endswith(f"[thread {name}]"))
    snapshots = data["ctrace"]["snapshots"] + data["ctrace"]["moments"]
    with browser.Browser() as page:
        show(context, page, report, "#from=3&to=3")
        time = page.run("return document.getElementById('chart').getAttribute('aria-valuetext')")
        at = next(snapshot for snapshot in snapshots if sum(row[1] for row in snapshot[3]) == root(page))
        for name in ("2 server", "3 server"):
            open_page(page, context.path("view.html"), f"#from=3&to=3&thread={name}")
            check_equal(root(page), of_thread(at, name), f"live in thread {name}, {time}")
        # D13: the sum above the graph is the one in its status line.
        open_page(page, context.path("view.html"))
        left, top, width, height = box(page, "#chart div.area")
        pointer(page, (left + 0.2 * width, top + height / 2), "down", (left + 0.7 * width, top + height / 2), "up")
        page.wait("return document.getElementById('metric-help').textContent.startsWith('Growth')", "a range")
        grown = text(page, "#metric-help").split(": ")[1].split(" in all")[0]
        name = page.run("return document.querySelector('.frame').getAttribute('aria-label')")
        check_equal(name.split(": ")[1].split(" in all")[0], grown, "the growth above the graph and in it")
        check("%" not in name, f"a share of the whole: {name}")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def every_finding(context):
    """Findings has all findings of ctrace advise, with what to do, and each leads to the graph."""
    report, _ = recorded(context, options=("--reach",))
    wanted = json.loads(context.run([CTRACE, "advise", "-n", "0", "-f", "json", report]).check().stdout)["findings"]
    with browser.Browser() as page:
        show(context, page, report)
        check(len(wanted) > 2, f"{len(wanted)} findings")
        click(page, "#all-findings" if len(wanted) > 5 else "#tab-findings")  # there are fewer if the program was slow
        check_equal(_shown(page), ["tab-findings", ["every-finding", "what-if"]], "all findings")
        shown = page.run("return [...document.querySelectorAll('#every-finding li')].map((li) => [li.querySelector('b'), ...li.querySelectorAll('dd')].map((e) => e.textContent))")
        check_equal(shown, [[said for key in ("title", "where", "because", "saves", "try") if (said := row[key])] for row in wanted], "findings")
        for i in (0, len(wanted) - 1):
            click(page, "#tab-findings")
            page.click(page.find("#every-finding button")[i])
            chosen = page.run("return document.getElementById(document.activeElement.getAttribute('aria-activedescendant')).getAttribute('aria-label')")
            check_equal([_shown(page)[0], chosen.split(": ")[0]], ["tab-overview", wanted[i]["where"].split(" ")[0]], "the call that a finding leads to")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def empty_tabs(context):
    """A tab without content says why, and which command gives it some: for a plain recording, two of them, another tool's file."""
    report, _ = recorded(context, PYTHON, "-c", "pass")
    head = {"dhatFileVersion": 2, "mode": "heap", "verb": "Allocated", "bklt": False, "bkacc": False, "tu": "instrs", "Mtu": "Minstr", "tuth": 10}
    other = context.write("other.json", json.dumps(dict(head, cmd="./app", pid=1, te=50, pps=[dict(tb=64, tbk=1, fs=[1])], ftbl=["[root]", "0x1: f (a.c:3)"])))
    expected = (
        ([report], "threads", "ctrace record --threads"),
        ([report, report], "leaks", "ctrace html NEW"),
        ([report, report], "threads", "--split-threads OLD NEW"),
        ([report, report], "findings", "ctrace advise NEW"),
        ([report, report], "source", "ctrace html --source NEW"),
        ([other], "leaks", "ctrace record --reach"),
        ([other], "threads", "ctrace record --threads"),
        ([other], "findings", "man ctrace-advise"),
    )
    with browser.Browser() as page:
        for files, tab, command in expected:
            path = context.path("empty.html")
            context.run([CTRACE, "html", "-o", path, *files]).check()
            open_page(page, path, f"#tab={tab}")
            check_in(command, page.run("return [...document.querySelectorAll('#panel .empty')].filter((e) => e.offsetHeight).map((e) => e.textContent).join()"), f"{tab} of {files}")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def columns(context):
    """A column without a number is not shown until it is chosen; what is shown fits in 1,200 pixels."""
    report, data = recorded(context, options=("--threads", "--reach"))
    check_equal(sum(point["cpb"] for point in data["pps"]), 0, "copied bytes")
    with browser.Browser() as page:
        page.width(1200)
        show(context, page, report)
        heads = "return [...document.querySelectorAll('#sites th.number')].map((th) => th.dataset.key)"
        check("copiedBytes" not in page.run(heads) and {"lostBytes", "threads", "slackBytes"} <= set(page.run(heads)), f"columns: {page.run(heads)}")
        check(page.run("const table = document.querySelector('#sites .wide'); return table.scrollWidth <= table.clientWidth"), "a column is beside the window")
        click(page, "#columns summary")
        check_equal(page.run("return document.querySelector('#columns [data-key=copiedBytes]').checked"), False, "its box")
        click(page, "#columns [data-key=copiedBytes]")
        check_in("copiedBytes", page.run(heads), "columns after it was chosen")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def on_paper(context):
    """Printed, each tab has its content and none of the controls."""
    report, _ = recorded(context, options=("--threads", "--reach"))
    with browser.Browser() as page:
        for tab, content in (("leaks", "#leak-classes"), ("threads", "#threads tbody"), ("findings", ".findings"), ("source", ".code"), ("overview", "#graph")):
            show(context, page, report, f"#tab={tab}")
            page.media("print")
            seen = "return [...document.querySelectorAll(arguments[0])].filter((e) => e.offsetHeight).length"
            check(page.run(seen, content), f"{tab}: its content is not on paper")
            check_equal(page.run(seen, "[role=tablist], .controls, #panel .findings button, footer"), 0, f"{tab}: controls on paper")
            page.media("screen")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS + ("cc",))
def memory_and_what_if(context):
    """Memory has who pins pages, as ctrace top --pins; Findings has what ctrace advise --what-if says. Both lead to the graph."""
    source = context.write("keeps.c", """#include <stdlib.h>
__attribute__((noinline)) static void *parse(void) { char *block = malloc(1040); *block = 1; return block; }
__attribute__((noinline)) static void *name(void) { char *block = malloc(24); *block = 1; return block; }
int main(void) { static void *kept[16000]; for (int i = 0; i < 16000; i++) { kept[i] = i % 40 ? parse() : name(); }
 for (int i = 0; i < 16000; i++) if (i % 40 && i > 3999) free(kept[i]); return 0; }
""")
    context.run(["cc", "-g", "-O1", "-fno-builtin", "-fno-optimize-sibling-calls", "-o", "keeps", source]).check()
    report, _ = recorded(context, context.path("keeps"), options=("--memory",))
    said = json.loads(context.run([CTRACE, "advise", "--what-if", "-f", "json", report]).check().stdout)
    sites = json.loads(context.run([CTRACE_TOP, "--pins", "--json", report]).check().stdout)["sites"]
    pinned = {site["ownFunction"]: [site[key] for key in ("shareBytes", "pinnedBytes", "residentBytes", "endBytes", "endBlocks")] for site in sites if site["shareBytes"]}
    check(set(pinned) >= {"parse", "name"}, f"who pins: {pinned}")
    with browser.Browser() as page:
        show(context, page, report, "#tab=memory")
        check_equal(_shown(page), ["tab-memory", ["memory", "view", "pins"]], "the tab")
        rows = page.run("return Object.fromEntries([...document.querySelectorAll('#pins [data-site]')].map((row) => [row.querySelector('.open').textContent, [...row.querySelectorAll('td.number')].slice(0, 5).map((cell) => Number(cell.dataset.value))]))")
        check_equal(list(rows.items()), sorted(pinned.items(), key=lambda row: -row[1][0]), "the table, the largest share first")
        search(page, "parse")
        click(page, "#ignore")
        check_equal(page.run("return [...document.querySelectorAll('#pins .open')].map((name) => name.textContent).includes('parse')"), False, "an ignored site")
        click(page, "#filters button")
        click(page, "#tab-findings")
        check_equal(_shown(page), ["tab-findings", ["every-finding", "what-if"]], "the tab")
        taken = page.run("return Object.fromEntries([...document.querySelectorAll('#what-if [data-allocator]')].map((row) => [row.dataset.allocator, Number(row.cells[1].dataset.value)]))")
        check_equal(taken, said["takenBytes"], "what the allocators take")
        sizes = page.run("return [...document.querySelectorAll('#what-if li')].map((li) => [li.querySelector('b').textContent, li.querySelector('dd').textContent])")
        check_equal(sizes, [[f"{row['smaller']:,} bytes instead of {row['bytes']:,}", row["where"]] for row in said["smallerSizes"]], "sizes")
        check_equal(sizes[0][0], "1,024 bytes instead of 1,040", "the first of them")
        click(page, "#what-if li button")
        check_equal(_shown(page)[0], "tab-overview", "a size in the graph")
        click(page, "#tab-findings")
        pins = page.run("return [...document.querySelectorAll('#every-finding li')].findIndex((li) => li.querySelector('b').textContent === 'Few live bytes that pin pages')")
        check(pins >= 0, "no finding about pinned pages")
        page.click(page.find("#every-finding button")[pins])
        check_equal([_shown(page)[0], page.run("return document.getElementById('metric').value"), root(page)], ["tab-overview", "shareBytes", pinned["name"][0]], "a finding about pinned pages in the graph")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS + (AXE,))
def accessible_tabs(context):
    """axe finds nothing in any tab, light and dark, wide and on a phone, where nothing is beside the window."""
    report, _ = recorded(context, options=("--threads", "--reach", "--memory"))
    with browser.Browser() as page:
        show(context, page, report, options=("--source",))
        load_axe(page)
        for theme in ("light", "dark"):
            page.run("document.documentElement.dataset.theme = arguments[0]", theme)
            for width in (1400, 390):
                page.width(width)
                for tab in (*TABS, "memory"):
                    page.click(page.find(f"#tab-{tab}")[0])
                    check_equal(violations(page), [], f"{tab}, {theme}, {width} pixels")
                    check_equal(page.run("return document.documentElement.scrollWidth <= innerWidth"), True, f"{tab} is not wider than {width} pixels")
                    if tab == "threads":
                        page.click(page.find("#threads .name")[0])
                        check_equal(violations(page), [], f"a chosen thread, {theme}, {width} pixels")
                        page.click(page.find("#filters button")[0])
        check_equal(page.console_errors(), [], "console")
