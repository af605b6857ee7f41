# SPDX-License-Identifier: MIT
"""speedscope's own page, loaded from npm's package into headless Chromium, as a reader of our files."""

import glob
import json
import os

from lib import browser
from lib.harness import BUILD, check

FOLDER = os.path.join(BUILD, "npm", "node_modules", "speedscope", "dist", "release")
PAGE = os.path.join(FOLDER, "index.html")
SCHEMA = os.path.join(FOLDER, "file-format-schema.json")
NEEDS = browser.NEEDS + (PAGE,)

# Ctrl+S saves what the importer has read as speedscope's own JSON. The script intercepts it.
_SAVE = """
window.saved = null;
URL.createObjectURL = blob => { blob.text().then(text => { window.saved = text; }); return '#'; };
HTMLAnchorElement.prototype.click = () => {};
window.dispatchEvent(new KeyboardEvent('keydown', {key: 's', ctrlKey: true}));
return true;
"""


class Profile:
    """One profile that speedscope shows: name, unit, and {stack of names, root first: weight}."""

    def __init__(self, data, frames):
        self.name, self.unit = data["name"], data["unit"]
        self.total = data["endValue"] - data["startValue"]
        self.stacks = {}
        stack, before = [], data["startValue"]
        for event in data["events"]:
            if event["at"] > before and stack:
                key = tuple(frames[index]["name"] for index in stack)
                self.stacks[key] = self.stacks.get(key, 0) + event["at"] - before
            before = event["at"]
            if event["type"] == "O":
                stack.append(event["frame"])
            else:
                check(stack.pop() == event["frame"], "speedscope: frames close in another order than they open")
        check(not stack, "speedscope: frames that never close")


def load(page, path):
    """Load a file as a user does. Returns (profiles, index of the one that is shown)."""
    page.open("file://" + PAGE)
    page.console_errors()
    page.wait("return document.querySelector('#file') != null", "speedscope to start")
    page.type(page.find("#file")[0], path)
    page.wait(
        "return document.title.endsWith('speedscope') && document.title != 'speedscope'"
        " || document.body.innerText.includes('Something went wrong')",
        "speedscope to show " + path,
    )
    check("Something went wrong" not in page.run("return document.body.innerText"), "speedscope cannot read " + path)
    # The first attempt may come before the page listens to keys.
    saved = page.wait(
        "if (window.saved) return window.saved;" + _SAVE.replace("return true;", "return null;").replace("window.saved = null;", ""),
        "speedscope to save",
    )
    data = json.loads(saved)
    errors = page.console_errors()
    check(not errors, f"speedscope's console: {errors}")
    return [Profile(profile, data["shared"]["frames"]) for profile in data["profiles"]], data.get("activeProfileIndex", 0)


def version():
    (path,) = glob.glob(os.path.join(FOLDER, "release.txt"))
    with open(path, encoding="utf-8") as file:
        return file.read().strip()
