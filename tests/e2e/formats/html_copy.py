# SPDX-License-Identifier: MIT
"""What the page copies and saves: a link, a stack, a row as Markdown, the table as CSV, the graph as SVG."""

import csv
import decimal
import io
import json
import os
import xml.etree.ElementTree

from lib import browser
from lib.harness import check, check_equal, check_in, test, wait_for
from lib.page import NEEDS, box, pointer, recorded, show, text

PASTE = "\ue009v"  # Control and v
SVG = "{http://www.w3.org/2000/svg}"
FORMULAS = ["=1+1", "+cmd", "-2", "@SUM(A1)", "'quoted", " \u200b=1", "\uff1d1", "plain, \"with\" comma", "a|b`c"]


def _as_by_to_fixed(value):
    """As JavaScript's toFixed(3) rounds: a tie goes up, where round() goes to the even digit."""
    return float(decimal.Decimal(value).quantize(decimal.Decimal("0.001"), decimal.ROUND_HALF_UP))


def _pasted(page, selector, i=0):
    """Click on a button, and paste what it has copied."""
    page.click(page.find(selector)[i])
    page.wait("return document.getElementById('copied')?.textContent.startsWith('Copied')", "what was copied")
    page.run("document.getElementById('pasted')?.remove(); const area = document.createElement('textarea'); area.id = 'pasted'; document.body.append(area); area.focus()")
    page.type(page.find("#pasted")[0], PASTE)
    return page.run("return document.getElementById('pasted').value")


def _dhat(names):
    zero = dict.fromkeys(("tb", "tbk", "tl", "mb", "mbk", "gb", "gbk", "eb", "ebk"), 0)
    points = [dict(zero, tb=100 - i, tbk=2, fs=[i + 1]) for i in range(len(names))]
    head = {"dhatFileVersion": 2, "mode": "heap", "verb": "Allocated", "bklt": True, "bkacc": False, "tu": "µs", "Mtu": "s", "tuth": 10}
    return dict(head, cmd="./app", pid=1, te=5000, tg=40, pps=points, ftbl=["[root]", *(f"0x{i + 1:X}: {name} (a.c:{i})" for i, name in enumerate(names))])


@test(needs=NEEDS)
def copies(context):
    """The clipboard has the link, the stack, the row and the table that the page shows."""
    report, _ = recorded(context)
    with browser.Browser() as page:
        show(context, page, report)
        page.click(page.find("[data-metric=peakBytes]")[0])
        check_equal(_pasted(page, "#copy-link"), page.run("return location.href"), "the link")
        check_in("metric=peakBytes", page.run("return location.href"), "the link")
        left, top, width, height = box(page, "tbody td.number")
        pointer(page, (left + width / 2, top + height / 2), "down", "up")
        shown = page.run("return [...document.querySelectorAll('.stack li')].map((line) => [line.querySelector('.function').textContent, line.querySelector('.place').title])")
        lines = _pasted(page, ".copy-stack").splitlines()
        check_equal(len(lines), len(shown), "frames")
        for line, (name, place) in zip(lines, shown):
            check(line.startswith(f"{name} {place}".rstrip()), f"{line!r} is not {name} {place}")
        rows = _pasted(page, ".copy-row").splitlines()
        cells = page.run("return [...document.querySelector('tbody tr').cells].slice(1).map((cell) => cell.textContent)")
        copied = [cell.strip() for cell in rows[2].strip().strip("|").split("|")]
        check_equal([cell for cell in copied[:-1] if cell not in ("0", "0 B", "0 s")], [cell for cell in cells if cell != "–"], "the row")
        check(copied[-1].startswith("`Cache::get server.cpp:"), rows[2])
        check_equal({line.count("|") for line in rows}, {len(cells) + 2}, "cells of the Markdown table")
        table = list(csv.reader(io.StringIO(_pasted(page, "#copy-csv"))))
        keys = page.run("return [...document.querySelectorAll('#sites th.number')].map((th) => th.dataset.key)")
        values = page.run("return [...document.querySelectorAll('tbody tr[data-site]')].map((row) => [...row.cells].slice(1).map((cell) => Number(cell.dataset.value)))")
        check_equal([[float(cell) for cell in row[2:]] for row in table[1 : len(values) + 1]], [[_as_by_to_fixed(value) for value in row] for row in values], "numbers of the CSV")
        check_equal(len(table[0]), len(keys) + 2, f"columns {table[0]} of {keys}")
        check_in("Peak (bytes)", table[0], "headings")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def no_formulas(context):
    """In the CSV no name begins a formula; a reader removes one ' to get the name. In Markdown no name ends its cell."""
    with browser.Browser() as page:
        show(context, page, context.write("formulas.json", json.dumps(_dhat(FORMULAS))))
        rows = list(csv.reader(io.StringIO(_pasted(page, "#copy-csv"), newline="")))[1:]
        check_equal([row[0] for row in rows], ["'" + name if i < 7 else name for i, name in enumerate(FORMULAS)], "names")
        page.click(page.find("td .open")[8])
        row = _pasted(page, ".copy-row").splitlines()[2]
        check_in("`a\\|b'c a.c:8`", row, "a name in Markdown")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def saves_the_graph(context):
    """The graph is saved as SVG: the calls that are shown, with names and numbers, and no name is markup."""
    report, _ = recorded(context)
    hostile = context.write("hostile.json", json.dumps(_dhat(["</text><script>alert(1)</script>", "a & b"])))
    with browser.Browser() as page:
        page._call("POST", "/goog/cdp/execute", {"cmd": "Browser.setDownloadBehavior", "params": {"behavior": "allow", "downloadPath": context.folder}})
        for path, name, wanted in ((report, "server.svg", {"score", "render", "handle"}), (hostile, "report.svg", {"</text><script>alert(1)</script>", "a & b"})):
            show(context, page, path)
            page.click(page.find("#save-svg")[0])
            wait_for(lambda name=name: os.path.exists(context.path(name)) and os.path.getsize(context.path(name)), "the file")
            picture = xml.etree.ElementTree.parse(context.path(name)).getroot()
            names = {element.text for element in picture.iter(SVG + "text")}
            check(wanted <= names, f"{wanted} in {names}")
            frames = page.run("return document.querySelectorAll('#graph .frame').length")
            check_equal(len([e for e in picture.iter(SVG + "svg")]) - 1, frames + page.run("return document.querySelectorAll('#graph .rest').length"), "calls")
            check_equal([e.tag for e in picture.iter() if e.tag.endswith("script")], [], "scripts")
            titles = [element.text for element in picture.iter(SVG + "title")]
            check(all(":" in title and "%" in title for title in titles if title != "calls too narrow to show"), f"titles: {titles}")
            fills = {rect.get("fill") for rect in picture.iter(SVG + "rect")}
            check("" not in fills and None not in fills, f"a call without a colour: {fills}")
        check_equal(text(page, "#copied"), "Saved: report.svg.", "what is said")
        check_equal(page.console_errors(), [], "console")
