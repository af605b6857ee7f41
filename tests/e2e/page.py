# SPDX-License-Identifier: MIT
"""ctrace html: the page in headless Chromium shows the profile's numbers, every control works, no name is markup."""

import json
import os
import random
import shutil

from lib import browser
from lib.formats import KEYS
from lib.harness import BUILD, CTRACE, PYTHON, check, check_equal, check_in, test

PAGE = os.path.join(BUILD, "share", "ctrace", "report.html")  # make html
NEEDS = browser.NEEDS + (PAGE,)
WORK = "import json; print(len(json.dumps([{str(i): [i] * 9} for i in range(5000)])))"
HOSTILE = [
    "</script><script>window.caught = 1</script>",
    "<img src=x onerror=window.caught=1>",
    "@DATA@ @SCRIPT@",
    "\u202egnp.exe \U0001f4a5\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "__proto__",
    "constructor",
    '" onmouseover="window.caught=1',
    "x" * 5000,
]


def _member(metric):
    first, *others = metric.split("-")
    return first + "".join(word.capitalize() for word in others)


def _show(context, page, report, *options):
    path = context.path("report.html")
    context.run([CTRACE, "html", "-o", path, *options, report]).check()
    page.open("file://" + path)
    page.wait("return !document.querySelector('[aria-busy]')", "the page")
    return path


def _choose(page, control, value):
    page.run("let c = document.getElementById(arguments[0]); c.value = arguments[1]; c.onchange()", control, value)


def _root(page):
    return page.run("return Number(document.querySelector('.frame').dataset.value)")


def _key(page, target, key, shift=False):
    script = "document.querySelector(arguments[0]).dispatchEvent(new KeyboardEvent('keydown', {key: arguments[1], shiftKey: arguments[2], bubbles: true, cancelable: true}))"
    page.run(script, target, key, shift)


def _recorded(context):
    context.run([CTRACE, "record", "-q", "-o", context.path("py.json"), PYTHON, "-c", WORK]).check()
    with open(context.path("py.json"), encoding="utf-8") as file:
        return context.path("py.json"), json.load(file)


def _point(frames, **values):
    zero = dict.fromkeys(("tb", "tbk", "tl", "mb", "mbk", "gb", "gbk", "eb", "ebk"), 0)
    return dict(zero, fs=frames, **values)


def _dhat(points, frames):
    head = {"dhatFileVersion": 2, "mode": "heap", "verb": "Allocated", "bklt": True, "bkacc": False, "tu": "µs", "Mtu": "s", "tuth": 10}
    return dict(head, cmd="./app", pid=1, te=5000, tg=40, pps=points, ftbl=["[root]", *frames])


@test(needs=NEEDS)
def numbers(context):
    """For each metric, in both orders, the graph's root and the table hold the report's sums, to the last byte."""
    report, data = _recorded(context)
    points = data["pps"]
    with browser.Browser() as page:
        _show(context, page, report)
        check_equal(page.run("return document.querySelectorAll('#metric option').length"), len(KEYS), "metrics")
        for metric, key in KEYS.items():
            for order in ("root", "leaf"):
                _choose(page, "metric", _member(metric))
                _choose(page, "direction", order)
                wanted = sum(point[key] for point in points)
                check_equal(_root(page), wanted, f"{metric}, {order} first: all")
                below = "let sum = 0; for (const f of document.querySelectorAll('.frame[aria-level=\"2\"]')) sum += Number(f.dataset.value); return sum"
                check(0 <= wanted - page.run(below) <= wanted * 0.2, f"{metric}, {order} first: calls below the root")
        for key, member in (("tb", "totalBytes"), ("gb", "peakBytes"), ("tbk", "totalBlocks")):
            _choose(page, "metric", member)
            column = "const at = [...document.querySelectorAll('th')].findIndex(th => th.dataset.key === arguments[0]); return [...document.querySelectorAll('tbody tr')].slice(0, 12).map(row => Number(row.cells[at].dataset.value))"
            wanted = sorted((point[key] for point in points), reverse=True)[:12]
            check_equal(page.run(column, member), wanted, f"the first rows by {member}")
        top = context.run([CTRACE, "top", report]).check().stdout
        for line, card in (("total", "totalBytes"), ("peak", "peakBytes"), ("at end", "endBytes")):
            shown = page.run("return document.querySelector(`[data-metric=${arguments[0]}] .figure`).textContent", card)
            said = next(text for text in top.splitlines() if text.startswith(line + " "))
            check_in(shown + " in", said, f"the card of {card}")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def controls(context):
    """Every control does what it says."""
    report, data = _recorded(context)
    total = sum(point["tb"] for point in data["pps"])
    with browser.Browser() as page:
        _show(context, page, report, "-m", "end")
        check_equal(page.run("return document.getElementById('metric').value"), "endBytes", "-m")
        # all buttons: cards, headings, rows, more, theme
        for selector in ("#summary button", "th button", "td .open", "#more", "#theme", "#reset"):
            for i in range(min(len(page.find(selector)), 14)):
                page.click(page.find(selector)[i])  # anew: a click on a heading makes new rows
        check_equal(page.run("return document.documentElement.dataset.theme"), "dark", "the theme")
        check(page.find("tr.details .stack li"), "open rows show no stack")
        page.run("document.querySelector('tr.details button').click()")
        check(page.run("return document.querySelector('.crumbs').textContent") != "all", "Show in graph does not zoom")
        page.run("document.getElementById('reset').click()")
        _choose(page, "metric", "totalBytes")
        # search
        _key(page, "body", "/")
        check_equal(page.run("return document.activeElement.id"), "search", "focus after /")
        page.type(page.find("#search")[0], "_json")
        found = page.run("return [document.getElementById('found').textContent, document.querySelectorAll('.match').length]")
        check(found[1] > 0 and found[0] not in ("", "0.0 % found"), f"search: {found}")
        check_in(" of ", page.run("return document.getElementById('table-status').textContent"), "sites found")
        page.run("let s = document.getElementById('search'); s.value = '((['; s.oninput()")
        _key(page, "#search", "Escape")
        check_equal(page.run("return document.querySelectorAll('.match, .other').length"), 0, "frames marked after Esc")
        # zoom by mouse and keys
        page.run("document.querySelectorAll('.frame')[3].click()")
        check_equal(page.run("return document.querySelector('.crumbs').children.length"), 4, "crumbs")
        _key(page, "#graph", "Escape")
        check_equal(page.run("return document.querySelector('.crumbs').children.length"), 3, "crumbs after Esc")
        _key(page, "#graph", "Home")
        for key in ("ArrowDown", "ArrowDown", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"):
            _key(page, "#graph", key)
        chosen = "let g = document.getElementById('graph'); return document.getElementById(g.getAttribute('aria-activedescendant')).getAttribute('aria-level')"
        check_equal(page.run(chosen), "3", "level of the chosen call")
        _key(page, "#graph", "Enter")
        check(_root(page) <= total, "zoomed")
        _key(page, "#graph", "Home")
        _moments(page, data)
        check_equal(page.console_errors(), [], "console")


def _moments(page, data):
    """The chart: a moment by key, a range by key and by mouse."""
    text = "return document.getElementById('metric-help').textContent"
    for _ in range(2):
        _key(page, "#chart", "ArrowRight")
    check_in("Live at ", page.run(text), "a moment")
    last = int(page.run("return document.getElementById('chart').getAttribute('aria-valuemax')"))
    check(last > 5, f"{last} moments")
    for _ in range(last):
        _key(page, "#chart", "ArrowRight")
    check_in("Live at the end", page.run(text), "the last moment")
    check_equal(_root(page), sum(point["eb"] for point in data["pps"]), "live at the end, by key")
    _key(page, "#chart", "Escape")
    _key(page, "#chart", "ArrowRight")
    for _ in range(last):
        _key(page, "#chart", "ArrowRight", shift=True)
    check_in("Growth from 0 s to the end", page.run(text), "a range")
    check_equal(_root(page), sum(point["eb"] for point in data["pps"]), "what grew from start to end")
    _key(page, "#chart", "Escape")
    check_in("Total bytes", page.run(text), "no moment")
    drag = """
      const over = document.querySelector('.u-over'), box = over.getBoundingClientRect();
      over.setPointerCapture = () => {};
      for (const [type, part] of [['pointerdown', 0.01], ['pointermove', 0.5], ['pointerup', 0.99]])
        over.dispatchEvent(new PointerEvent(type, {clientX: box.left + part * box.width, clientY: box.top + 9, bubbles: true}));
    """
    page.run(drag)
    check_in("Growth from 0 s to ", page.run(text), "a range by mouse")
    check_equal(page.run("return document.querySelector('th').nextSibling.textContent.slice(0, 6)"), "Growth", "the table's column")
    page.run("document.getElementById('reset').click()")


@test(needs=NEEDS)
def hostile_names(context):
    """Names are text: nothing of them runs, the policy allows no other script, and nothing is fetched."""
    frames = [f"0x{i + 1:X}: {name} ({name[:20].replace(')', '')}.c:{i})" for i, name in enumerate(HOSTILE)]
    points = [_point([i + 1, (i + 1) % len(frames) + 1], tb=100 - i, tbk=1) for i in range(len(frames))]
    data = dict(_dhat(points, frames), cmd="./app '</title></script><script>window.caught=1</script>'")
    with browser.Browser() as page:
        path = _show(context, page, context.write("hostile.json", json.dumps(data)))
        for button in page.find("td .open"):
            page.click(button)
        check_equal(_root(page), sum(point["tb"] for point in points), "the sum")
        check_equal(page.run("return window.caught ?? null"), None, "a name ran as a script")
        check_equal(len(page.find("img, iframe, link")), 0, "elements made by names")
        shown = page.run("return document.getElementById('sites').textContent")
        for name in HOSTILE[:2]:
            check_in(name, shown, "a name as it is")
        check_equal(page.console_errors(), [], "console")
        # the policy itself: a script that is not the page's does not run
        page.run("let s = document.createElement('script'); s.textContent = 'window.caught = 2'; document.body.append(s)")
        check_equal(page.run("return window.caught ?? null"), None, "a script that the policy does not know")
        check(page.console_errors(), "the policy did not speak up")
    with open(path, encoding="utf-8") as file:
        check_equal(file.read().count("</script>"), 2, "ends of scripts in the file")


def _many(count):
    choose = random.Random(7)
    stacks, paths = {}, [[1, 2, 3]]
    while len(stacks) < count:
        base = choose.choice(paths)
        path = base[: choose.randint(3, len(base))] + [choose.randint(4, 20000) for _ in range(choose.randint(1, 8))]
        if len(path) <= 40:
            paths.append(path)
            stacks[tuple(path)] = choose.randint(1, 99)
    frames = [f"0x{i:X}: function_{i % 4000} (file{i % 97}.c:{10 + i // 4000})" for i in range(1, 20001)]
    return _dhat([_point(list(path)[::-1], tb=8 * n, tbk=n, tl=n) for path, n in stacks.items()], frames)


@test(needs=NEEDS)
def many_sites(context):
    """100,000 sites: what is in the page is only what can be seen."""
    data = _many(100000)
    with browser.Browser() as page:
        path = _show(context, page, context.write("many.json", json.dumps(data)))
        total = sum(point["tb"] for point in data["pps"])
        check_equal(_root(page), total, "the sum")
        _choose(page, "direction", "leaf")
        check_equal(_root(page), total, "the sum, leaf first")
        elements = page.run("return document.querySelectorAll('*').length")
        check(elements < 20000, f"{elements} elements in the page")
        check_in("100,000 sites", page.run("return document.getElementById('table-status').textContent"), "the table")
        check_equal(page.console_errors(), [], "console")
        return f"{os.path.getsize(path) >> 10} KiB, {elements} elements"


@test(needs=NEEDS)
def sizes(context):
    """No part is wider than the window, from 400 pixels on; nothing asks for the network."""
    report, _ = _recorded(context)
    with browser.Browser() as page:
        path = _show(context, page, report)
        for width in (500, 1000, 2000):  # Chromium's window has at least 500
            page._call("POST", "/window/rect", {"width": width, "height": 900})
            page.wait("return document.querySelector('.uplot').offsetWidth <= document.documentElement.clientWidth", "the chart to fit")
            check(page.run("return document.documentElement.scrollWidth <= innerWidth"), f"{width}: wider than the window")
        check_equal(page.run("return performance.getEntriesByType('resource').length"), 0, "requests")
        page.run("document.body.style.width = '400px'")
        check(page.run("return [...document.querySelectorAll('section')].every(s => s.scrollWidth <= 400)"), "400: too wide")
    with open(path, encoding="utf-8") as file:
        check_in("default-src 'none'; script-src 'sha256-", file.read(5000), "the policy")


@test()
def missing_page(context):
    """Without npm's part there is one line that says what is missing, and no file."""
    bin_folder = context.make_folder("bin")
    shutil.copy(CTRACE, bin_folder)
    report = context.write("a.json", json.dumps(_dhat([_point([1], tb=1, tbk=1)], ["0x1: f (a.c:1)"])))
    told = context.run([os.path.join(bin_folder, "ctrace"), "html", report]).check(2).stderr
    check_in("make html", told, "what is said")
    check_equal(told.count("\n"), 1, "lines")
    check_equal([name for name in os.listdir(context.folder) if "html" in name], [], "files")
    os.makedirs(context.path("share", "ctrace"))
    context.write("share/ctrace/report.html", "no place for data")
    context.run([os.path.join(bin_folder, "ctrace"), "html", report]).check(3)
    context.run([CTRACE, "html"]).check(2)
    context.run([CTRACE, "html", "-m", "nonsense", report]).check(2)
