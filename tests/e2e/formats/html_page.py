# SPDX-License-Identifier: MIT
"""ctrace html: the page in headless Chromium shows the profile's numbers, every control works, no name is markup."""

import json
import os
import random
import shutil

from lib import browser
from lib.formats import KEYS
from lib.harness import BUILD, CTRACE, LIBRARY, PYTHON, ROOT, check, check_equal, check_in, program, test

PAGE = os.path.join(BUILD, "share", "ctrace", "report.html")  # make html
NEEDS = browser.NEEDS + (PAGE,)
WORK = "import json; print(len(json.dumps([{str(i): [i] * 9} for i in range(5000)])))"
PATTERN = "PyUnicode"  # in some stacks of WORK
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
    """For each metric and both orders, the graph's root and the table show exactly the sums of the report."""
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
        # click all buttons: cards, headings, rows, more, theme
        for selector in ("#summary button", "#sites th button", "td .open", "#more", "#theme", "#reset"):
            for i in range(min(len(page.find(selector)), 14)):
                page.click(page.find(selector)[i])  # find again, since a click on a heading makes new rows
        check_equal(page.run("return document.documentElement.dataset.theme"), "dark", "the theme")
        check(page.find("tr.details .stack li"), "open rows show no stack")
        page.run("document.querySelector('tr.details button').click()")
        check(page.run("return document.querySelector('.crumbs').textContent") != "all", "Show in graph does not zoom")
        page.run("document.getElementById('reset').click()")
        _choose(page, "metric", "totalBytes")
        # search
        _key(page, "body", "/")
        check_equal(page.run("return document.activeElement.id"), "search", "focus after /")
        page.type(page.find("#search")[0], PATTERN)
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
    """The chart selects a moment by key, and a range by key and by mouse."""
    text = "return document.getElementById('metric-help').textContent"
    for _ in range(2):
        _key(page, "#chart", "ArrowRight")
    check_in("Live at ", page.run(text), "a moment")
    last = int(page.run("return document.getElementById('chart').getAttribute('aria-valuemax')"))
    check_equal(last, len(data["ctrace"]["snapshots"]) + len(data["ctrace"]["moments"]) + 2, "the last moment, after the start, with peak and end")
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
      const over = document.querySelector('#chart div.area'), box = over.getBoundingClientRect();
      over.setPointerCapture = () => {};
      for (const [type, part] of [['pointerdown', 0], ['pointermove', 0.5], ['pointerup', 0.99]])
        over.dispatchEvent(new PointerEvent(type, {clientX: box.left + part * box.width, clientY: box.top + 9, bubbles: true}));
    """
    page.run(drag)
    check_in("Growth from 0 s to ", page.run(text), "a range by mouse")
    check_equal(page.run("return document.querySelector('th').nextSibling.textContent.slice(0, 6)"), "Growth", "the table's column")
    page.run("document.getElementById('reset').click()")


OLD = "import json; d = [{'a': list(range(50))} for i in range(900)]; json.loads(json.dumps(d)); import zlib; zlib.compress(bytes(100000))"
NEW = "import json, re; d = [{'a': list(range(80)), 'b': 'x' * i} for i in range(700)]; json.loads(json.dumps(d, indent=1)); re.compile('a+b')"
CELLS = """
  const keys = [...document.querySelectorAll('th')].map((th) => th.dataset.key);
  return [...document.querySelectorAll('tbody tr[data-site]')].map((row) => Object.fromEntries([...row.cells].map((cell, i) => [keys[i], Number(cell.dataset.value)])));
"""


def _two(context):
    reports = []
    for name, work in (("old", OLD), ("new", NEW)):
        path = context.path(name + ".json")
        context.run([CTRACE, "record", "-q", "-o", path, PYTHON, "-c", work]).check()
        reports.append(path)
    return reports


def _all_rows(page):
    while page.run("const more = document.getElementById('more'); if (!more.hidden) more.click(); return !more.hidden"):
        pass
    return page.run(CELLS)


def _check_changes(page, metric, wanted, old, new):
    """wanted: what ctrace diff reports for the metric."""
    points = []
    for path in (old, new):
        with open(path, encoding="utf-8") as file:
            points.append(sum(point[KEYS[metric]] for point in json.load(file)["pps"]))
    change = points[1] - points[0]
    _choose(page, "metric", _member(metric))
    check_equal(_root(page), change, f"{metric}: the graph's root")
    check_equal(page.run("return Number(document.getElementById('table-status').dataset.sum)"), change, f"{metric}: the sum that is shown")
    rows = _all_rows(page)
    check_equal(sum(row["change"] for row in rows), change, f"{metric}: sum of the rows")
    check_equal([sum(row[side] for row in rows) for side in ("old", "new")], points, f"{metric}: sums of both sides")
    sizes = [abs(row["change"]) for row in rows]
    check_equal(sizes, sorted(sizes, reverse=True), f"{metric}: order of the rows")
    shown = sorted((row["change"], *(row[cause] for cause in wanted["rows"][0]["causes"])) for row in rows if row["change"])
    check_equal(shown, sorted((row["change"], *row["causes"].values()) for row in wanted["rows"] if row["change"]), f"{metric}: changes and causes")


@test(needs=NEEDS)
def changes(context):
    """The page of two profiles has the rows, causes and sums of ctrace diff, and distinguishes growth from shrinkage."""
    old, new = _two(context)
    with browser.Browser() as page:
        _show(context, page, new, "-m", "peak", old)  # ctrace html takes old, then new
        check_equal(page.run("return document.getElementById('metric').value"), "peakBytes", "-m")
        path = context.path("changes.html")
        context.run([CTRACE, "diff", "-f", "html", "-o", path, old, new]).check()
        page.open("file://" + path)
        page.wait("return !document.querySelector('[aria-busy]')", "the page")
        for metric in ("total-bytes", "total-blocks", "peak-bytes", "end-bytes", "lifetime", "temporary-blocks"):
            wanted = json.loads(context.run([CTRACE, "diff", "-f", "json", "-m", metric, old, new]).check().stdout)
            _check_changes(page, metric, wanted, old, new)
        _choose(page, "metric", "totalBytes")
        wanted = json.loads(context.run([CTRACE, "diff", "-f", "json", old, new]).check().stdout)
        _all_rows(page)
        for state in ("new", "gone"):
            told = sum(row["state"] == state for row in wanted["rows"])
            check(told > 0, f"no row is {state}")
            marked = page.run("return [...document.querySelectorAll('.state')].filter(e => e.textContent === arguments[0]).length", state)
            check_equal(marked, told, f"rows marked {state}")
        _choose(page, "direction", "leaf")
        for colour, sign in (("grown", 1), ("shrunk", -1)):
            values = page.run("return [...document.querySelectorAll('.frame.' + arguments[0])].map(f => Number(f.dataset.value))", colour)
            check(values and all(value * sign > 0 for value in values), f"{colour}: {values}")
        text = context.run([CTRACE, "diff", "-n", "1", old, new]).check().stdout
        figure = page.run("return document.querySelector('[data-metric=totalBytes] .figure').textContent").replace("\u2212", "-")
        check_in(figure, next(line for line in text.splitlines() if line.startswith("total-bytes")), "the card of all")
        _click_all(page)
        check_equal(page.console_errors(), [], "console")


def _click_all(page):
    """Click on each heading: it sorts by size, growth first, shrinkage first. An open row shows the whole chain."""
    heading = "document.querySelector('th[data-key=change] button').click(); return document.querySelector('th[data-key=change]').getAttribute('aria-sort')"
    check_equal([page.run(heading) for _ in range(2)], ["descending", "ascending"], "orders")
    changed = [row["change"] for row in page.run(CELLS)]
    check_equal(changed, sorted(changed), "shrinkage first")
    for selector in ("#summary button", "#sites th button", "td .open", "#theme"):
        for i in range(min(len(page.find(selector)), 8)):
            page.click(page.find(selector)[i])
    check(page.find("tr.details .stack li"), "open rows show no chain")
    page.run("document.querySelector('tr.details button').click()")
    check(page.run("return document.querySelector('.crumbs').textContent") != "all", "Show in graph does not zoom")
    page.run("document.getElementById('reset').click()")
    # At the chart's left end, since one recording may have ended long before the other.
    over = "const o = document.querySelector('#chart div.area'), b = o.getBoundingClientRect(); o.dispatchEvent(new PointerEvent('pointermove', {clientX: b.left, clientY: b.top + 9, bubbles: true}))"
    told = page.run(over + "; return document.getElementById('chart-status').textContent")
    check(all(side in told for side in ("new ", "old (grey) ")), f"both sides of the chart: {told}")


@test(needs=NEEDS)
def findings(context):
    """The page has the findings of ctrace advise, and a click leads to the site."""
    recorded, _ = _recorded(context)
    peak = lambda frame, mib, lifetime=1000: _point([frame, 1], tb=mib << 20, tbk=4, tl=4 * lifetime, mb=mib << 20, mbk=4, gb=mib << 20, gbk=4)
    made = _dhat([_point([4, 1], tb=64, tbk=1, tl=50), peak(2, 30), peak(3, 50), peak(5, 40, 4500)], [f"0x{i}: {name} (a.c:{i})" for i, name in enumerate(("main", "alpha", "beta", "gamma", "delta"), 1)])
    with browser.Browser() as page:
        for report in (recorded, context.write("made.json", json.dumps(made))):
            wanted = json.loads(context.run([CTRACE, "advise", "-f", "json", report]).check().stdout)["findings"][:10]
            check(wanted, "advise finds nothing here")
            _show(context, page, report)
            shown = page.run("return [...document.querySelectorAll('#findings li')].map(li => [li.querySelector('b'), ...li.querySelectorAll('dd')].map(e => e.textContent))")
            check_equal(shown, [[text for key in ("title", "where", "because", "saves", "try") if (text := row[key])] for row in wanted], "the findings shown")
            for i, row in enumerate(wanted):
                page.click(page.find("#findings summary")[i])
                page.click(page.find("#findings li button")[i])
                check(_root(page) > 0, f"the graph of {row['title']} is empty")
                chosen = page.run("return document.getElementById(document.activeElement.getAttribute('aria-activedescendant')).getAttribute('aria-label')")
                if report != recorded:  # the leaf may be in a library
                    check_equal(chosen.split(" ")[0].rstrip(":"), row["function"], "the call that a finding leads to")
        check_equal(sorted(row["function"] for row in wanted), ["alpha", "beta", "delta"], "the made file's findings")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def parts(context):
    """--focus and its kin, for one profile and for two."""
    report, data = _recorded(context)
    pattern = PATTERN
    frames = data["ftbl"]
    wanted = sum(point["tb"] for point in data["pps"] if any(pattern in frames[i] for i in point["fs"]))
    check(0 < wanted < sum(point["tb"] for point in data["pps"]), "the pattern is of no use")
    with browser.Browser() as page:
        _show(context, page, report, "--focus", pattern)
        check_equal(_root(page), wanted, "--focus")
        _show(context, page, report, "--ignore", pattern)
        check_equal(_root(page), sum(point["tb"] for point in data["pps"]) - wanted, "--ignore")
    part = context.write("part.json", json.dumps(dict(data, pps=[point for point in data["pps"] if not any(pattern in frames[i] for i in point["fs"])])))
    for words, change in (([], -wanted), (["--focus", pattern], -wanted), (["--ignore", pattern], 0)):
        told = json.loads(context.run([CTRACE, "diff", "-f", "json", *words, report, part]).check().stdout)
        check_equal((told["change"], sum(row["change"] for row in told["rows"])), (change, change), f"ctrace diff {words}")
    said = context.run([CTRACE, "diff", "--focus", "no such name", report, part]).check().stderr
    check_equal(said.count("matches no function"), 1, "a pattern that matches nowhere")
    check_in("-o", context.run([CTRACE, "html", "--focus", pattern, report]).check(2).stderr, "a part needs a name")


@test(needs=NEEDS)
def hostile_names(context):
    """Names are text: nothing in them runs, the policy allows no other script, and nothing is fetched."""
    frames = [f"0x{i + 1:X}: {name} ({name[:20].replace(')', '')}.c:{i})" for i, name in enumerate(HOSTILE)]
    points = [_point([i + 1, (i + 1) % len(frames) + 1], tb=100 - i, tbk=1) for i in range(len(frames))]
    data = dict(_dhat(points, frames), cmd="./app '</title></script><script>window.caught=1</script>'")
    report = context.write("hostile.json", json.dumps(data))
    empty = context.write("empty.json", json.dumps(dict(data, pps=[])))
    with browser.Browser() as page:
        for old in ([empty], []):
            path = _show(context, page, report, *old)
            for button in page.find("td .open"):
                page.click(button)
            check_equal(_root(page), sum(point["tb"] for point in points), "the sum")
            check_equal(page.run("return window.caught ?? null"), None, "a name ran as a script")
            check_equal(len(page.find("img, iframe, link")), 0, "elements made by names")
            shown = page.run("return document.getElementById('sites').textContent")
            for name in HOSTILE[:2]:
                check_in(name, shown, "a name as it is")
            check_equal(page.console_errors(), [], "console")
        # the policy itself: a script that does not belong to the page does not run
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
    """With 100,000 sites the page has elements only for what can be seen."""
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
    """No part is wider than the window if that has at least 400 pixels, and nothing uses the network."""
    report, _ = _recorded(context)
    with browser.Browser() as page:
        path = _show(context, page, report)
        for width in (500, 1000, 2000):  # Chromium's window is at least 500 wide
            page._call("POST", "/window/rect", {"width": width, "height": 900})
            page.wait("return document.querySelector('#chart .chart-box').offsetWidth <= document.documentElement.clientWidth", "the chart to fit")
            check(page.run("return document.documentElement.scrollWidth <= innerWidth"), f"{width}: wider than the window")
        check_equal(page.run("return performance.getEntriesByType('resource').length"), 0, "requests")
        page.run("document.body.style.width = '400px'")
        # The chart is resized a moment later.
        page.wait("return [...document.querySelectorAll('section')].every(s => s.scrollWidth <= 400)", "all parts to fit into 400 pixels")
    with open(path, encoding="utf-8") as file:
        check_in("default-src 'none'; script-src 'sha256-", file.read(5000), "the policy")


@test()
def missing_page(context):
    """If the page without data is missing, one line says so, and no file is written."""
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


@test(needs=NEEDS)
def marks(context):
    """Marks of the program are shown in the chart, and listed below it."""
    out = context.path("marks.json")
    env = context.environment(LD_PRELOAD=LIBRARY, CTRACE_OUT=out, CTRACE_QUIET=1)
    context.run([program("api"), "mark"], env=env).check()
    with open(out, encoding="utf-8") as file:
        named = [row[5] for row in json.load(file)["ctrace"]["marks"] if row[5]]
    check(len(named) > 1, f"marks: {named}")
    with browser.Browser() as page:
        _show(context, page, out)
        told = page.run("return document.getElementById('marks').textContent")
        places = [told.find(name) for name in named]
        check(-1 not in places and places == sorted(places), f"{named} in {told!r}")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS + ("g++",))
def own_code(context):
    """A row begins with the program's own line, then the library's function that it called; its callers are own code."""
    source = os.path.join(ROOT, "tests", "programs", "heap", "server.cpp")
    context.run(["g++", "-g", "-O2", "-std=c++17", "-pthread", "-o", "server", source]).check()
    context.run([CTRACE, "record", "-q", "-o", context.path("server.json"), context.path("server")]).check()
    with browser.Browser() as page:
        _show(context, page, context.path("server.json"))
        first = "document.querySelector('tbody tr')"
        got = page.run(f"return ['.open', '.place', '.call', '.callers'].map((c) => {first}.querySelector(c).textContent)")
        check_equal([got[0], got[1], got[3]], ["score", "server.cpp:41", "← handle ← serve"], "the first row")
        check_equal(got[2].split("::")[0], "(vector", "what it called")
        page.run(f"{first}.querySelector('.open').click()")
        quiet = page.run("return [...document.querySelectorAll('.stack li')].map((line) => [line.querySelector('.function').textContent, line.className])")
        own = [name.split("(")[0] for name, kind in quiet if kind != "library"]
        check_equal(own, ["score", "handle", "serve"], f"the program's own frames in {quiet}")
        check_equal(page.console_errors(), [], "console")
