# SPDX-License-Identifier: MIT
"""ctrace html with a real mouse, wheel and keyboard, as the browser gets them from its input."""

import json

from lib import browser
from lib.harness import BUILD, CTRACE, PYTHON, check, check_equal, check_in, test
from lib.page import AXE, NEEDS, box, load_axe, pointer, recorded, root, search, show, text, violations, wheel

DEEP = "def f(n): return [f(n - 1), str(n) * 50] if n else []\nx = f(60)"


@test(needs=NEEDS)
def chart(context):
    """The dragged range is drawn while the mouse moves and after it, lines are named, and the last drop is drawn."""
    report, data = recorded(context)
    with browser.Browser() as page:
        show(context, page, report)
        left, top, width, height = box(page, "#chart div.area")
        selected = "const s = document.querySelector('#chart .selection').getBoundingClientRect(); return [s.left, s.width, s.height]"
        pointer(page, (left + 0.2 * width, top + height / 2), "down", (left + 0.4 * width, top + height / 2), (left + 0.7 * width, top + height / 2))
        got = page.run(selected)
        check(abs(got[0] - left - 0.2 * width) < 4 and abs(got[1] - 0.5 * width) < 4 and got[2] > 50, f"while dragging: {got} in {left, width}")
        check("rgba(0, 0, 0, 0)" not in page.run("return getComputedStyle(document.querySelector('#chart .selection')).backgroundColor"), "the range has no colour")
        pointer(page, "up")
        check_in("Growth from ", text(page, "#metric-help"), "a range by mouse")
        check(page.run(selected)[1] > 0.1 * width, "the range is gone once it is chosen")
        check_equal([line for line in ("live bytes", "resident memory", "peak") if line not in text(page, "#chart-legend")], [], "lines without a name")
        # The last point of the line is what was live at the end.
        end = sum(point["eb"] for point in data["pps"])
        check(end < 0.1 * max(row[1] for row in data["ctrace"]["timeline"]), "the program frees nothing at its end")
        line = page.run("const l = document.querySelector('#chart path.live'); const at = l.getPointAtLength(l.getTotalLength()); return [at.x, at.y]")
        size = page.run("const b = document.querySelector('#chart div.area').getBoundingClientRect(); return [b.width, b.height]")
        check(abs(line[0] - size[0]) < 1 and line[1] > 0.85 * size[1], f"the line ends at {line} of {size}")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def pointer_in_the_graph(context):
    """A box at the pointer names the call; the wheel scrolls the page until the graph is chosen, and a row opens anywhere."""
    report, _ = recorded(context)
    with browser.Browser() as page:
        show(context, page, report)
        left, top, width, height = box(page, ".frame", "render")
        pointer(page, (left + width / 2, top + height / 2))
        shown = text(page, "#tooltip")
        for part in ("render(", "server.cpp:", "MiB", "%", "blocks in total"):
            check_in(part, shown, "the box at the pointer")
        near = page.run("const b = document.getElementById('tooltip').getBoundingClientRect(); return [b.left, b.right, b.top, b.bottom]")
        x, y = left + width / 2, top + height / 2
        check(min(abs(near[0] - x), abs(near[1] - x)) < 30 and min(abs(near[2] - y), abs(near[3] - y)) < 30, f"the box is at {near}, the pointer at {x, y}")
        pointer(page, (2, 2))
        check_equal(page.run("return document.getElementById('tooltip').hidden"), True, "hidden without a call below the pointer")
        report, _ = recorded(context, PYTHON, "-c", DEEP)
        show(context, page, report)
        left, top, _, _ = box(page, "#graph")
        before = page.run("return scrollY")
        wheel(page, left + 60, top + 60, -120)
        page.wait(f"return scrollY < {before}", "the page to scroll below the pointer")
        left, top, _, _ = box(page, "#graph")
        check_in("more rows: click the graph", text(page, "#graph-status"), "how to scroll it")
        page.run("document.getElementById('graph').focus({preventScroll: true})")
        wheel(page, left + 60, top + 60, 120)
        page.wait("return document.getElementById('graph').scrollTop > 0", "the chosen graph to scroll")
        left, top, width, height = box(page, "tbody td.number")
        pointer(page, (left + width / 2, top + height / 2), "down", "up")
        check(page.find("tr.details .stack li"), "a click on a number does not open the row")
        keys = "return [...document.querySelectorAll('th.number')].map((th) => th.dataset.key)"
        before = page.run(keys)
        page.click(page.find("#columns summary")[0])
        for key in ("slackBytes", "totalBytes"):
            page.click(page.find(f"#columns [data-key={key}]")[0])
        check_equal(page.run(keys), [key for key in before if key not in ("slackBytes", "totalBytes")], "columns after two were hidden")
        for key in ("slackBytes", "totalBytes"):
            page.click(page.find(f"#columns [data-key={key}]")[0])
        check_equal(page.run(keys), before, "columns that came back")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def search_and_filters(context):
    """Matches that are too narrow are marked, each search says what it found, and filters mean what pprof's mean."""
    report, data = recorded(context)
    frames = data["ftbl"]
    with_name = lambda name: sum(point["tb"] for point in data["pps"] if any(name in frames[i] for i in point["fs"]))
    total = sum(point["tb"] for point in data["pps"])
    with browser.Browser() as page:
        show(context, page, report)
        search(page, "leak_tok")
        check(with_name("leak_token") < 0.001 * total, "the match is not narrow")
        check_equal(page.run("return document.querySelectorAll('.match').length"), 1, "marks of a match below one pixel")
        check_in("1 function, 0.0 % found", text(page, "#found"), "what was found")
        page.click(page.find("#only")[0])
        check_equal(root(page), with_name("leak_token"), "only matches: the graph")
        check_in("at 1 site", text(page, "[data-metric=totalBytes] .detail"), "only matches: the cards")
        page.click(page.find("#only")[0])
        search(page, "std::(vector|string")
        check_in("not a regular expression, searched as text", text(page, "#found"), "a broken pattern")
        search(page, "zzz")
        check_equal(text(page, "#found"), "no function, file or module matches", "a pattern without a match")
        for kind, wanted in (("focus", with_name("render")), ("ignore", total - with_name("render"))):
            page.click(page.find("#reset")[0])
            search(page, "^render$")
            page.click(page.find("#" + kind)[0])
            check_equal(root(page), wanted, kind)
            check_equal(text(page, "#filters").rstrip("×"), kind + " ^render$", "the filter in force")
        page.click(page.find("#reset")[0])
        check_equal((root(page), page.run("return document.getElementById('filters').hidden")), (total, True), "after Reset")
        search(page, "^handle$")
        page.click(page.find("#hide")[0])
        names = page.run("return [...document.querySelectorAll('.frame')].map((f) => f.textContent)")
        check_equal((root(page), "handle" in names, "score" in names), (total, False, True), "hide")
        page.click(page.find("#filters button")[0])
        check_in("handle", page.run("return document.getElementById('graph').textContent"), "after the filter is removed")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def finding(context):
    """A finding leads to its function, over all its stacks, in the metric that it is about."""
    _, data = recorded(context)
    # In twice the time no block was held for most of it, which would be another finding.
    report = context.write("longer.json", json.dumps(dict(data, te=2 * data["te"])))
    frames = data["ftbl"]
    peak = sum(point["gb"] for point in data["pps"] if any("Cache::get" in frames[i] for i in point["fs"]))
    with browser.Browser() as page:
        show(context, page, report)
        titles = page.run("return [...document.querySelectorAll('#findings b')].map((b) => b.textContent)")
        check_in("Makes the peak", titles, "findings")
        place = titles.index("Makes the peak")
        page.click(page.find("#findings summary")[place])
        page.click(page.find("#findings li button")[place])
        check_equal((page.run("return document.getElementById('metric').value"), root(page)), ("peakBytes", peak), "the metric, and all stacks")
        chosen = page.run("return document.getElementById(document.activeElement.getAttribute('aria-activedescendant')).textContent")
        check_equal(chosen, "Cache::get", "the chosen call")
        check(page.run("const b = document.getElementById('graph').getBoundingClientRect(); return b.top >= 0 && b.top < innerHeight"), "the graph is out of view")


@test(needs=NEEDS)
def address(context):
    """A link shows the same view, and Back goes to the view before."""
    report, _ = recorded(context)
    state = "return [document.getElementById('metric').value, document.getElementById('direction').value, document.getElementById('search').value, document.querySelector('.crumbs').textContent, document.getElementById('filters').textContent]"
    with browser.Browser() as page:
        show(context, page, report)
        first = page.run(state)
        page.click(page.find("[data-metric=peakBytes]")[0])
        page.click(page.find("#direction option[value=leaf]")[0])
        search(page, "^main$")
        page.click(page.find("#ignore")[0])
        search(page, "get")
        page.run("document.querySelectorAll('.frame')[1].click()")
        last = page.run(state)
        link = page.run("return location.hash")
        check("peakBytes" in last and last[3] != "all", f"the view: {last}")
        show(context, page, report, link)
        check_equal(page.run(state), last, "the same link, opened anew")
        show(context, page, report)
        page.click(page.find("[data-metric=peakBytes]")[0])
        page.run("history.back()")
        page.wait("return document.getElementById('metric').value === 'totalBytes'", "Back")
        check_equal(page.run(state), first, "the view before")
        left, top, width, height = box(page, "#chart div.area")
        pointer(page, (left + 0.2 * width, top + height / 2), "down", (left + 0.8 * width, top + height / 2), "up")
        link, help_ = page.run("return location.hash"), text(page, "#metric-help")
        show(context, page, report, link)
        check_equal(text(page, "#metric-help"), help_, "a link to a range of time")


@test(needs=NEEDS + (AXE,))
def accessible(context):
    """axe finds nothing: in light and dark, with a search, an open row, a range and a filter, on a phone, in a diff."""
    report, _ = recorded(context)
    other = context.path("other.json")
    context.run([CTRACE, "record", "-q", "-o", other, PYTHON, "-c", DEEP]).check()
    with browser.Browser() as page:
        for old in ([], [other]):
            path = context.path("axe.html")
            context.run([CTRACE, "html", "-o", path, *old, report]).check()
            page.open("file://" + path)
            page.wait("return !document.querySelector('[aria-busy]')", "the page")
            load_axe(page)
            for theme in ("light", "dark"):
                page.run("document.documentElement.dataset.theme = arguments[0]", theme)
                check_equal(violations(page), [], f"{theme}, as it opens, {old}")
                page.click(page.find("td .open")[0])
                search(page, "std::")
                check_equal(violations(page), [], f"{theme}, with a search and an open row, {old}")
                page.click(page.find("#ignore")[0])
                check_equal(violations(page), [], f"{theme}, with a filter, {old}")
                page.click(page.find("#reset")[0])
            page.click(page.find("#tab-functions")[0])
            page.click(page.find("tr[data-function] .name")[0])
            check_equal(violations(page), [], f"functions, {old}")
            page.click(page.find("#tab-sites")[0])
            page.width(390)
            check_equal(violations(page), [], f"on a phone, {old}")
            names = page.run("const row = document.querySelector('tr[data-site]'); const [name, number] = [row.cells[0], row.cells[1]].map((c) => c.getBoundingClientRect()); return [name.bottom <= number.top + 1, name.width > 300, document.documentElement.scrollWidth <= innerWidth]")
            check_equal(names, [True, True, True], "on a phone: the name above the numbers, with the whole width, nothing beside the window")
            page.width(1400)


@test(needs=NEEDS)
def nothing_recorded(context):
    """An empty report says why it may be empty, and which command helps."""
    head = {"dhatFileVersion": 2, "mode": "heap", "verb": "Allocated", "bklt": True, "bkacc": False, "tu": "µs", "Mtu": "s", "tuth": 10}
    empty = context.write("empty.json", json.dumps(dict(head, cmd="./app", pid=1, te=5000, tg=40, pps=[], ftbl=["[root]"])))
    with browser.Browser() as page:
        show(context, page, empty)
        for part in ("No allocation was recorded", "statically", "ctrace doctor --run"):
            check_in(part, text(page, ".notice"), "what an empty page says")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def functions(context):
    """Functions with what they allocate, alone and in all; a chosen one is shown with its callers and what it calls."""
    report, data = recorded(context)
    frames = data["ftbl"]
    through = lambda name, key: sum(point[key] for point in data["pps"] if any(name in frames[i] for i in point["fs"]))
    cells = "return Object.fromEntries([...document.querySelectorAll('tr[data-function]')].map((row) => [row.querySelector('.name').textContent, [...row.cells].slice(1).map((cell) => Number(cell.dataset.value))]))"
    with browser.Browser() as page:
        show(context, page, report)
        page.click(page.find("#tab-functions")[0])
        for member, key in (("totalBytes", "tb"), ("peakBytes", "gb")):
            page.click(page.find(f"[data-metric={member}]")[0])
            rows = page.run(cells)
            for name, file in (("score", "score("), ("handle", "handle("), ("leak_token", "leak_token(")):
                check_equal(rows[name][0], through(file, key), f"{member} of {name} in total")
            check_equal((rows["handle"][1], rows["score"][1]), (0, rows["score"][0]), f"{member} of both alone")
        page.click(page.find("[data-metric=totalBytes]")[0])
        check_equal(page.run("return document.querySelector('tr[data-function] .name').textContent"), "score", "the first function")
        page.run("[...document.querySelectorAll('tr[data-function] .name')].find((b) => b.textContent === 'render').click()")
        for side, wanted, others in (("callers", {"render", "handle", "serve"}, {"score"}), ("callees", {"render"}, {"handle", "score"})):
            names = set(page.run("return [...document.querySelectorAll(`#${arguments[0]} .frame`)].map((f) => f.textContent)", side))
            check(wanted <= names and not others & names, f"{side}: {names}")
            value = page.run("return Number(document.querySelector(`#${arguments[0]} .frame`).dataset.value)", side)
            check_equal(value, through("render(", "tb"), f"the bytes of all {side}")
        check_in("tab=functions", page.run("return location.hash"), "the address")
        check_equal(page.console_errors(), [], "console")
