# SPDX-License-Identifier: MIT
"""The page in Firefox, with a real mouse and keyboard: the chart, the graph, tabs, filters, the address, the clipboard."""

from lib import firefox
from lib.harness import check, check_equal, check_in, test
from lib.page import PAGE, box, held, pointer, recorded, root, show, text, search

NEEDS = firefox.NEEDS + (PAGE, "g++")
PASTE = "\ue009v"
RIGHT, END = "\ue014", "\ue010"


@test(needs=NEEDS)
def charts_and_graph(context):
    """The dragged range is drawn, boxes at the pointer name calls and layers, a click zooms, and the slider follows keys."""
    report, data = recorded(context)
    with firefox.Firefox() as page:
        show(context, page, report)
        left, top, width, height = box(page, "#chart div.area")
        selected = "const s = document.querySelector('#chart .selection').getBoundingClientRect(); return [s.left, s.width]"
        pointer(page, (left + 0.2 * width, top + height / 2), "down", (left + 0.4 * width, top + height / 2), (left + 0.7 * width, top + height / 2))
        got = page.run(selected)
        check(abs(got[0] - left - 0.2 * width) < 4 and abs(got[1] - 0.5 * width) < 4, f"while dragging: {got} in {left, width}")
        pointer(page, "up")
        check_in("Growth from ", text(page, "#metric-help"), "a range by mouse")
        page.click(page.find("#reset")[0])
        left, top, width, height = box(page, "#grew div.area")
        pointer(page, (left + held(data, "Cache::get(") * width, top + 0.95 * height))
        check_in("Cache::get(", page.wait("const t = document.getElementById('grew-tooltip'); return !t.hidden && t.textContent", "the box"), "a layer")
        left, top, width, height = box(page, ".frame", "render")
        pointer(page, (left + width / 2, top + height / 2))
        shown = page.wait("const t = document.getElementById('tooltip'); return !t.hidden && t.textContent", "the box at a call")
        for part in ("render(", "server.cpp:", "MiB", "%", "blocks in total"):
            check_in(part, shown, "the box at a call")
        pointer(page, (left + width / 2, top + height / 2), "down", "up")
        check(page.run("return document.querySelector('.crumbs').textContent").endswith("render"), "a click does not zoom")
        page.click(page.find("#reset")[0])
        page.type(page.find("#moment")[0], END)
        check_equal(root(page), sum(point["eb"] for point in data["pps"]), "the slider's end")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def filters_and_tabs(context):
    """Search, focus, ignore and hide have the report's sums; the tab of functions opens callers and callees."""
    report, data = recorded(context)
    frames = data["ftbl"]
    with_name = lambda name: sum(point["tb"] for point in data["pps"] if any(name in frames[i] for i in point["fs"]))
    total = sum(point["tb"] for point in data["pps"])
    with firefox.Firefox() as page:
        show(context, page, report)
        for kind, wanted in (("focus", with_name("render")), ("ignore", total - with_name("render"))):
            search(page, "^render$")
            check_in("1 function", text(page, "#found"), "what was found")
            page.click(page.find("#" + kind)[0])
            check_equal(root(page), wanted, kind)
            page.click(page.find("#reset")[0])
        search(page, "^handle$")
        page.click(page.find("#hide")[0])
        names = page.run("return [...document.querySelectorAll('.frame')].map((f) => f.textContent)")
        check_equal((root(page), "handle" in names, "score" in names), (total, False, True), "hide")
        page.click(page.find("#reset")[0])
        page.click(page.find("#tab-sites")[0])
        page.type(page.find("#tab-sites")[0], RIGHT)
        check_equal(page.run("return document.activeElement.getAttribute('aria-selected') + document.activeElement.id"), "truetab-functions", "the tab by keyboard")
        page.click(page.find("tr[data-function] .name")[0])
        check_in("score", page.run("return document.querySelector('#callers').textContent"), "callers")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def address_and_clipboard(context):
    """A link shows the same view, Back goes to the view before, and copied text can be pasted."""
    report, _ = recorded(context)
    state = "return [document.getElementById('metric').value, document.getElementById('direction').value, document.getElementById('filters').textContent]"
    with firefox.Firefox() as page:
        show(context, page, report)
        page.click(page.find("[data-metric=peakBytes]")[0])
        search(page, "get")
        page.click(page.find("#ignore")[0])
        last = page.run(state)
        page.click(page.find("#copy-link")[0])
        page.wait("return document.getElementById('copied')?.textContent.startsWith('Copied')", "the link to be copied")
        page.run("const area = document.createElement('textarea'); area.id = 'pasted'; document.body.append(area); area.focus()")
        page.type(page.find("#pasted")[0], PASTE)
        link = page.run("return document.getElementById('pasted').value")
        check_equal(link, page.run("return location.href"), "the link")
        show(context, page, report, "#" + link.split("#")[1])
        check_equal(page.run(state), last, "the same link")
        show(context, page, report)
        page.click(page.find("[data-metric=peakBytes]")[0])
        page.run("history.back()")
        page.wait("return document.getElementById('metric').value === 'totalBytes'", "Back")
        check_equal(page.console_errors(), [], "console")
