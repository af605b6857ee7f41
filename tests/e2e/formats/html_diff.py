# SPDX-License-Identifier: MIT
"""The page of two recordings: kinds of change, what has not changed, and colours that depend on the size of a change."""

import json

from lib import browser
from lib.harness import CTRACE, check, check_equal, check_in, test
from lib.page import NEEDS, root, text

# name: (bytes, blocks) in the old and the new recording
SITES = {
    "hardly": ((1000000, 100), (1000400, 100)),
    "same": ((5000, 5), (5000, 5)),
    "also_same": ((70, 1), (70, 1)),
    "fresh": (None, (3000, 30)),
    "lost": ((2000, 2), None),
    "more_blocks": ((4000, 40), (8000, 80)),
    "bigger_blocks": ((4000, 40), (4800, 40)),
    "fewer_blocks": ((9000, 90), (8000, 80)),
}
ROWS = "return [...document.querySelectorAll('#sites tbody tr[data-site]')].map((row) => row.querySelector('.open').textContent)"
CLASS = "return [...document.querySelectorAll('#graph .frame')].find((f) => f.textContent.endsWith(arguments[0])).className"


def _report(context, name, side):
    zero = dict.fromkeys(("tb", "tbk", "tl", "mb", "mbk", "gb", "gbk", "eb", "ebk"), 0)
    points = [dict(zero, tb=pair[side][0], tbk=pair[side][1], tl=pair[side][1], fs=[i + 1]) for i, pair in enumerate(SITES.values()) if pair[side]]
    head = {"dhatFileVersion": 2, "mode": "heap", "verb": "Allocated", "bklt": True, "bkacc": False, "tu": "µs", "Mtu": "s", "tuth": 10}
    frames = ["[root]", *(f"0x{i + 1:X}: {function} (a.c:{i})" for i, function in enumerate(SITES))]
    return context.write(name, json.dumps(dict(head, cmd="./app", pid=1, te=5000, tg=40, pps=points, ftbl=frames)))


def _show(context, page, hash_=""):
    path = context.path("changes.html")
    context.run([CTRACE, "html", "-o", path, _report(context, "old.json", 0), _report(context, "new.json", 1)]).check()
    page.open("file://" + path + hash_)
    page.wait("return !document.querySelector('[aria-busy]')", "the page")


@test(needs=NEEDS)
def kinds(context):
    """Each button keeps the sites with its kind of change, several those of any; the address holds them; unchanged rows are folded."""
    with browser.Browser() as page:
        _show(context, page)
        changed = {name for name in SITES if "same" not in name}
        check_equal(set(page.run(ROWS)), changed, "rows at first")
        check_equal(text(page, "#more"), "Show 2 of 2 rows that have not changed", "the rest")
        page.click(page.find("#more")[0])
        check_equal(page.run(ROWS)[-2:], ["same", "also_same"], "rows that have not changed")
        check_equal(page.run("return document.getElementById('more').hidden"), True, "nothing more")
        wanted = {"new": {"fresh"}, "gone": {"lost"}, "moreBlocks": {"more_blocks", "fewer_blocks"}, "biggerBlocks": {"hardly", "bigger_blocks"}}
        for kind, names in wanted.items():
            page.click(page.find(f"[data-kind={kind}]")[0])
            check_equal(set(page.run(ROWS)), names, kind)
            change = sum((SITES[name][1] or (0,))[0] - (SITES[name][0] or (0,))[0] for name in names)
            check_equal(root(page), change, f"{kind}: the graph")
            page.click(page.find(f"[data-kind={kind}]")[0])
        page.click(page.find("[data-kind=new]")[0])
        page.click(page.find("[data-kind=gone]")[0])
        check_equal(set(page.run(ROWS)), {"fresh", "lost"}, "new or gone")
        link = page.run("return location.hash")
        _show(context, page, link)
        check_equal((set(page.run(ROWS)), [page.run("return document.querySelector(`[data-kind=${arguments[0]}]`).getAttribute('aria-pressed')", kind) for kind in ("new", "moreBlocks")]), ({"fresh", "lost"}, ["true", "false"]), "the same link")
        page.click(page.find("#reset")[0])
        check_equal(set(page.run(ROWS)), changed, "after Reset")
        page.click(page.find("[data-metric=totalBlocks]")[0])
        disabled = page.run("return [...document.querySelectorAll('.kinds button')].filter((b) => b.disabled).map((b) => b.dataset.kind)")
        check_in("biggerBlocks", disabled, "kinds that blocks do not have")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def colours(context):
    """A change that rounds to nothing is not red; colours are relative to what was there, or to all that changed."""
    with browser.Browser() as page:
        _show(context, page)
        check_in("even", page.run(CLASS, "hardly"), "+0.04 %")
        for name, colour in (("fresh", "grown"), ("more_blocks", "grown"), ("bigger_blocks", "grown-some"), ("fewer_blocks", "shrunk-some"), ("lost", "shrunk")):
            check_in(colour, page.run(CLASS, name).split(), f"{name}, relative")
        bar = "return [...document.querySelectorAll('tr[data-site]')].find((row) => row.querySelector('.open').textContent === arguments[0]).querySelector('.bar').className"
        check_equal([page.run(bar, name) for name in ("hardly", "fresh", "lost")], ["bar slight", "bar more", "bar less"], "bars")
        check_in("±0.0\u00a0%", page.run("[...document.querySelectorAll('tr[data-site]')].find((row) => row.querySelector('.open').textContent === 'hardly').querySelector('.open').click(); return document.querySelector('.details').textContent"), "the opened row")
        page.click(page.find("#shade option[value=absolute]")[0])
        for name, colour in (("hardly", "grown-some"), ("fresh", "grown"), ("more_blocks", "grown"), ("bigger_blocks", "grown-some")):
            check_in(colour, page.run(CLASS, name).split(), f"{name}, absolute")
        check_in("of all that changed", page.run("return document.querySelector('#graph ~ div .legend').textContent"), "the legend")
        check_in("shade=absolute", page.run("return location.hash"), "the address")
        check_equal(page.console_errors(), [], "console")
        check(page.run("return document.getElementById('shade').closest('label').hidden") is False, "the choice is hidden")
