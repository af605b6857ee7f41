# SPDX-License-Identifier: MIT
"""The page of `ctrace html` in a browser: recordings to show, and a real mouse, wheel and keyboard."""

import json
import os

from lib import browser
from lib.harness import BUILD, CTRACE, ROOT, check

PAGE = os.path.join(BUILD, "share", "ctrace", "report.html")
NEEDS = browser.NEEDS + (PAGE, "g++")
SERVER = os.path.join(ROOT, "tests", "programs", "heap", "server.cpp")


def server(context):
    context.run(["g++", "-g", "-O2", "-std=c++17", "-pthread", "-o", "server", SERVER]).check()
    return context.path("server")


def recorded(context, *command):
    path = context.path("view.json")
    context.run([CTRACE, "record", "-q", "--rss", "-o", path, *(command or [server(context)])]).check()
    with open(path, encoding="utf-8") as file:
        return path, json.load(file)


def show(context, page, report, hash_=""):
    path = context.path("view.html")
    context.run([CTRACE, "html", "-o", path, report]).check()
    page.open("file://" + path + hash_)
    page.wait("return !document.querySelector('[aria-busy]')", "the page")


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


def text(page, selector):
    return page.run("return document.querySelector(arguments[0]).textContent", selector)


def type_text(page, text):
    page.run("document.getElementById('search').value = ''")
    page.type(page.find("#search")[0], text)
