# SPDX-License-Identifier: MIT
"""The page of ctrace html in a browser: makes one, and moves a real mouse over it."""

import json
import os

from lib import browser
from lib.harness import BUILD, CTRACE, ROOT, check

PAGE = os.path.join(BUILD, "share", "ctrace", "report.html")
NEEDS = browser.NEEDS + (PAGE, "g++")
AXE = os.path.join(BUILD, "npm", "node_modules", "axe-core", "axe.min.js")
SERVER = os.path.join(ROOT, "tests", "programs", "heap", "server.cpp")


def server(context):
    context.run(["g++", "-g", "-O2", "-std=c++17", "-pthread", "-o", "server", SERVER]).check()
    return context.path("server")


def recorded(context, *command, options=("--rss",)):
    """The path of a report of the command, or else of the server, and what is in it."""
    path = context.path("view.json")
    context.run([CTRACE, "record", "-q", *options, "-o", path, *(command or [server(context)])]).check()
    with open(path, encoding="utf-8") as file:
        return path, json.load(file)


def held(data, name):
    """Where in a chart over time a function has at least an eighth of its peak for longest, as a part of the width."""
    ours = [any(name in data["ftbl"][frame] for frame in point["fs"]) for point in data["pps"]]
    peak = sum(point["gb"] for point, own in zip(data["pps"], ours) if own)
    rows = data["ctrace"]["snapshots"] + data["ctrace"]["moments"]
    moments = sorted([(data["tg"], peak), *((row[0], sum(site[1] for site in row[3] if ours[site[0]])) for row in rows)])
    times = [(b[0] - a[0], (a[0] + b[0]) / 2) for a, b in zip(moments, moments[1:]) if min(a[1], b[1]) >= peak / 8]
    return max(times)[1] / (1.004 * max(data["te"], data["ctrace"]["timeline"][-1][0]))  # END in timeline.js


def show(context, page, report, hash_="", options=()):
    """Make the page and open it. Returns what the command says."""
    path = context.path("view.html")
    said = context.run([CTRACE, "html", "-o", path, *options, report]).check().stderr
    open_page(page, path, hash_)
    return said


def open_page(page, path, hash_=""):
    page.open("about:blank")  # otherwise another hash would not load it again
    page.open("file://" + path + hash_)
    page.wait("return !document.querySelector('[aria-busy]:not(:has([role=alert]))')", "the page")
    check(not page.find("[role=alert]"), "the page cannot be shown")


def box(page, selector, text=""):
    script = """
      const found = [...document.querySelectorAll(arguments[0])].find((e) => !arguments[1] || e.textContent === arguments[1]);
      if (!found) return null;
      found.scrollIntoView({block: 'center'});
      const box = found.getBoundingClientRect();
      return [box.left, box.top, box.width, box.height];
    """
    box = page.run(script, selector, text)
    check(box, f"no {selector} {text}")
    return box


def pointer(page, *steps):
    """Moves are (x, y); "down" and "up" are the button."""
    actions = [
        {"type": "pointerMove", "x": round(step[0]), "y": round(step[1]), "duration": 20}
        if isinstance(step, tuple)
        else {"type": "pointer" + step.capitalize(), "button": 0}
        for step in steps
    ]
    page.act({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions})


def wheel(page, x, y, delta):
    page.act({"type": "wheel", "id": "wheel", "actions": [{"type": "scroll", "x": round(x), "y": round(y), "deltaX": 0, "deltaY": delta}]})


def root(page):
    return page.run("return Number(document.querySelector('.frame').dataset.value)")


def keys(page, *codes):
    """Press keys, as WebDriver names them."""
    actions = [{"type": kind, "value": code} for code in codes for kind in ("keyDown", "keyUp")]
    page.act({"type": "key", "id": "keyboard", "actions": actions})


def click(page, selector, text=""):
    """A click of the mouse in the middle of an element."""
    left, top, width, height = box(page, selector, text)
    pointer(page, (left + width / 2, top + height / 2), "down", "up")


def text(page, selector):
    return page.run("return document.querySelector(arguments[0]).textContent", selector)


def search(page, text):
    page.run("document.getElementById('search').value = ''")
    page.type(page.find("#search")[0], text)


def load_axe(page):
    with open(AXE, encoding="utf-8") as file:
        page.run(file.read())


def violations(page):
    """What axe finds in the page as it is now; load_axe comes before."""
    page.run("window.told = null; axe.run().then((r) => (window.told = r.violations.map((v) => v.id + ' ' + v.nodes[0].target + ' ' + v.nodes[0].failureSummary)))")
    return page.wait("return window.told && [window.told]", "axe")[0]
