# SPDX-License-Identifier: MIT
"""The page takes new data without a reload, and keeps what its reader has chosen."""

import base64
import json
import re
import zlib

from lib import browser
from lib.harness import CTRACE, check, check_equal, check_in, test
from lib.page import NEEDS, SERVER, recorded, root, show, text, search

VIEW = """
  const shown = (id) => document.getElementById(id);
  return {
    metric: shown('metric').value, order: shown('direction').value, search: shown('search').value, filters: shown('filters').textContent,
    crumbs: document.querySelector('.crumbs').textContent, tab: document.querySelector('[role=tab][aria-selected=true]').id,
    sorted: document.querySelector('#sites th[aria-sort=ascending], #sites th[aria-sort=descending]')?.dataset.key,
    columns: [...document.querySelectorAll('#sites th.number')].map((th) => th.dataset.key),
    open: [...document.querySelectorAll('#sites .open[aria-expanded=true]')].map((b) => b.textContent),
    focus: document.activeElement.id, theme: document.documentElement.dataset.theme,
  };
"""


def _data(context, page_path):
    """What the writer has put into a page."""
    with open(context.path(page_path), encoding="utf-8") as file:
        packed = re.search(r'id="data">([^<]*)<', file.read()).group(1)
    return json.loads(zlib.decompress(base64.b64decode(packed), 31))


def _other(context):
    """A run with more requests, and its data."""
    other = context.path("other.json")
    with open(SERVER, encoding="utf-8") as file:
        source = file.read()
    check_in("requests = 2000", source, "the program")
    context.write("server.cpp", source.replace("requests = 2000", "requests = 3000"))
    context.run(["g++", "-g", "-O2", "-std=c++17", "-pthread", "-o", "server", "server.cpp"]).check()
    context.run([CTRACE, "record", "-q", "--rss", "-o", other, context.path("server")]).check()
    context.run([CTRACE, "html", "-o", "other.html", other]).check()
    with open(other, encoding="utf-8") as file:
        return json.load(file), _data(context, "other.html")


@test(needs=NEEDS)
def new_data(context):
    """Cards, graph, charts and tables have the new numbers; choices, filters, zoom, open rows, focus and scrolling stay."""
    report, old = recorded(context)
    wanted, data = _other(context)
    total = lambda points, name="": sum(point["tb"] for point in points["pps"] if any(name in points["ftbl"][i] for i in point["fs"]))
    check(total(wanted) != total(old), "both runs have the same total")
    with browser.Browser() as page:
        show(context, page, report)
        first = page.run("return document.querySelectorAll('*').length")
        page.run("ctrace.show(arguments[0])", data)
        check_equal(root(page), total(wanted), "the graph")
        check_in(f"{len(wanted['pps'])} sites", text(page, "[data-metric=totalBytes] .detail"), "the cards")
        for _ in range(4):
            page.run("ctrace.show(arguments[0])", data)
        check(abs(page.run("return document.querySelectorAll('*').length") - first) < 0.3 * first, "elements stay behind")
        show(context, page, report)
        page.click(page.find("#theme")[0])
        page.click(page.find("#columns summary")[0])
        page.click(page.find("#columns [data-key=slackBytes]")[0])
        page.click(page.find("#tab-functions")[0])
        page.run("[...document.querySelectorAll('tr[data-function] .name')].find((b) => b.textContent === 'render').click()")
        page.click(page.find("#tab-overview")[0])
        search(page, "^main$")
        page.click(page.find("#ignore")[0])
        page.run("[...document.querySelectorAll('.frame')].find((f) => f.textContent === 'handle').click()")
        page.click(page.find("#sites th[data-key=endBytes] button")[0])
        page.run("[...document.querySelectorAll('.open')].find((b) => b.textContent === 'leak_token').click()")
        search(page, "leak")
        page.run("scrollTo(0, 300)")
        before = page.run(VIEW)
        check_equal((before["open"], before["focus"], before["sorted"]), (["leak_token"], "search", "endBytes"), "the view")
        page.run("ctrace.show(arguments[0])", data)
        check_equal(page.run(VIEW), before, "the view with new data")
        check_equal(page.run("return scrollY"), 300, "scrolling")
        check_equal(root(page), total(wanted, "handle("), "the zoomed call")
        page.click(page.find("#reset")[0])
        check_equal(root(page), total(wanted), "after Reset")
        page.click(page.find("#tab-functions")[0])
        check(text(page, "#sandwich b").startswith("render("), "the chosen function")
        check_equal(page.run("return Number(document.querySelector('#callees .frame').dataset.value)"), total(wanted, "render("), "what it calls")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def moments(context):
    """A chosen end stays the end, and a moment stays at its time. Data without sites, or of another version, says so."""
    report, _ = recorded(context)
    wanted, data = _other(context)
    end = sum(point["eb"] for point in wanted["pps"])
    with browser.Browser() as page:
        show(context, page, report)
        page.type(page.find("#moment")[0], "\ue010")
        page.run("ctrace.show(arguments[0])", data)
        check_in("Live at the end", text(page, "#metric-help"), "the moment")
        check_equal(root(page), end, "live at the end")
        check_equal(page.run("return document.activeElement.id"), "moment", "focus")
        page.run("ctrace.show(arguments[0])", dict(data, sites={key: [] for key in data["sites"]}))
        check_in("No allocation was recorded", text(page, ".notice"), "no sites")
        page.run("ctrace.show(arguments[0])", data)
        check(page.find("#graph .frame"), "the graph came back")
        told = page.run("try { ctrace.show({version: 9}) } catch (error) { return error.message }")
        check_in("version 9", told, "another version")
        check(page.find("#graph .frame"), "what was shown stays")
        check_equal(page.console_errors(), [], "console")
