# SPDX-License-Identifier: MIT
"""Who grew: the stacked chart by function and the slider over all moments, with a real mouse and keyboard."""

from lib import browser
from lib.harness import check, check_equal, check_in, test
from lib.page import NEEDS, box, held, pointer, recorded, root, show, text

RIGHT, LEFT, HOME, END, ESCAPE, ENTER = "\ue014", "\ue012", "\ue011", "\ue010", "\ue00c", "\ue007"
ACTIVE = "return document.activeElement.getAttribute('aria-valuetext')"


def _layers(page):
    return page.run("return [...document.querySelectorAll('#grew .layers li')].map((l) => l.textContent)")


@test(needs=NEEDS)
def layers(context):
    """The functions are stacked, the largest first; a layer is named at the pointer, and a click focuses on its function."""
    report, data = recorded(context)
    peak = {name: sum(point["gb"] for point in data["pps"] if any(name in data["ftbl"][i] for i in point["fs"])) for name in ("Cache::get(", "leak_token(")}
    with browser.Browser() as page:
        show(context, page, report)
        names = _layers(page)
        check_in("Cache::get, up to ", names[0], "the largest function")
        check([name for name in names if name.startswith("leak_token, up to ")], f"no leak_token in {names}")
        # Tops of the layers lie above each other and below what was live in all.
        heights = page.run("return [...document.querySelectorAll('#grew path.layer')].map((p) => p.getBBox()).map((b) => [b.y, b.y + b.height])")
        check(all(a[0] >= b[0] - 0.2 for a, b in zip(heights, heights[1:])), f"layers are not stacked: {heights}")
        left, top, width, height = box(page, "#grew div.area")
        at = (left + held(data, "Cache::get(") * width, top + 0.95 * height)
        pointer(page, at)
        shown = page.wait("const t = document.getElementById('grew-tooltip'); return !t.hidden && t.textContent", "the box at the pointer")
        for part in ("Cache::get(", " MiB of ", " live, ", "at "):
            check_in(part, shown, "the box at the pointer")
        pointer(page, (left + 1, top + 0.05 * height))
        page.wait("return document.getElementById('grew-tooltip').hidden", "no box where nothing was live")
        pointer(page, at, "down", "up")
        check_equal(root(page), peak["Cache::get("], "a click: live at the peak in its function")
        check_in("Cache::get", text(page, "#filters"), "the filter")
        check_equal(len([name for name in _layers(page) if "up to" in name]), 1, "functions that pass the filter")
        page.click(page.find("#reset")[0])
        check_equal(_layers(page), names, "after Reset")
        button = page.find("#grew .layers button")[[name.split(",")[0] for name in names].index("leak_token")]
        page.run("arguments[0].focus()", {browser.ELEMENT_KEY: button})
        check_equal(page.run("return document.querySelectorAll('#grew path.quiet').length"), len(names) - 1, "layers that step back for a focused name")
        page.type(button, ENTER)
        check_equal(root(page), peak["leak_token("], "by keyboard")
        check_equal(page.console_errors(), [], "console")
        return f"{len(names)} layers"


@test(needs=NEEDS)
def threads(context):
    """Stacks of several threads count together, and a chosen thread alone."""
    report, data = recorded(context, options=("--threads",))
    names = lambda point: [data["ftbl"][i] for i in point["fs"]]
    with_cache = [point for point in data["pps"] if any("Cache::get(" in name for name in names(point))]
    check(len(with_cache) > 4, "threads do not differ")
    with browser.Browser() as page:
        show(context, page, report)
        whole = _layers(page)[0]
        check_in("Cache::get, up to 8.", whole, "all threads")
        show(context, page, report, "#thread=2 server")
        check(_layers(page)[0].startswith(("Cache::get, up to 2.", "Cache::get, up to 1.9")), f"one of four threads: {_layers(page)[0]}")
        page.click(page.find("[data-metric=peakBytes]")[0])
        check_equal(root(page), sum(point["gb"] for point in data["pps"] if names(point)[-1].endswith("[thread 2 server]")), "a number of one thread")
        page.click(page.find("#filters button")[0])
        check_equal((_layers(page)[0], root(page)), (whole, sum(point["gb"] for point in data["pps"])), "all of them again")
        check_equal(page.console_errors(), [], "console")


@test(needs=NEEDS)
def slider(context):
    """The slider goes over all moments, by key and by mouse, and the graph follows."""
    report, data = recorded(context)
    moments = sorted(row[0] for row in data["ctrace"]["snapshots"] + data["ctrace"]["moments"])
    with browser.Browser() as page:
        show(context, page, report)
        one = page.find("#moment")[0]
        check_equal(page.run("return document.getElementById('moment').getAttribute('aria-valuetext')"), "none chosen", "at first")
        page.type(one, END)
        check_equal((page.run(ACTIVE), root(page)), ("Live at the end", sum(point["eb"] for point in data["pps"])), "End")
        page.type(one, HOME)
        check_equal(page.run(ACTIVE), "Live at 0 s", "Home")
        told = {page.run(ACTIVE)}
        for _ in range(len(moments) + 2):
            page.type(one, RIGHT)
            told.add(page.run(ACTIVE))
        check_equal(page.run(ACTIVE), "Live at the end", "the last one, moment by moment")
        check(len(told) > len(moments) / 2, f"{len(told)} texts of {len(moments)} moments")
        page.type(one, LEFT)
        check(page.run(ACTIVE) != "Live at the end", "Left")
        left, top, width, height = box(page, "#moment")
        pointer(page, (left + width - 8, top + height / 2), "down", (left + width / 3, top + height / 2), (left + 0.4 * width, top + height / 2), "up")
        area = box(page, "#chart div.area")
        chosen = page.run("return document.querySelector('#chart .selection').getBoundingClientRect().left")
        end = max(moments[-1], data["te"])
        times = [0] + moments + [data["tg"], data["te"]]
        nearest = min(abs(time / end - 0.4) for time in times)
        check(abs(chosen - area[0] - 0.4 * area[2]) < (nearest + 0.05) * area[2], f"dragged to {chosen} in {area}, moments {times}")
        check_in("from=", page.run("return location.hash"), "the address")
        page.type(one, ESCAPE)
        check_equal(page.run("return document.getElementById('metric').value"), "totalBytes", "Esc")
        check_equal(page.console_errors(), [], "console")
        return f"{len(moments)} moments"
