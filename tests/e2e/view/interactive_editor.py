# SPDX-License-Identifier: MIT
"""The key o of the interactive view opens the source line in the user's editor."""

import os
import re

from lib import trace
from lib.harness import CTRACE_TOP, ROOT, check, check_equal, check_in, program, test, wait_for
from lib.screen import Terminal

SITES = "/tests/programs/heap/sites.c"  # below the folder in which the programs were built


def _editor(context, name="editor"):
    """An editor that writes its arguments into a file, shows a line, and ends with the status that the file `status` has."""
    context.write(name, f'#!/bin/sh\necho "the editor"\ncd "{context.folder}"\nfor word; do echo "$word"; done > unfinished\nmv unfinished words\nexit $(cat {context.path("status")})\n')
    context.write("status", "0")
    os.chmod(context.path(name), 0o755)
    return context.path(name)


def _words(context):
    wait_for(lambda: os.path.exists(context.path("words")), "the editor")
    with open(context.path("words"), encoding="utf-8") as file:
        words = file.read().splitlines()
    os.remove(context.path("words"))
    return words


@test()
def opens(context):
    """The selected row's line, and from the whole stack that of its first visible frame. The screen is as before."""
    editor = _editor(context)
    trace.run(context, [program("sites")], out="heap.json")
    words = [CTRACE_TOP, "-i", "--source-path", ROOT, context.path("heap.json")]
    with Terminal(context, words, columns=160, lines=40, EDITOR=editor + " --wait") as terminal:
        before = terminal.shown("[Sites]")
        terminal.press("o")
        wait, line, path = _words(context)
        check(wait == "--wait" and path.endswith(SITES), f"the editor's words: {wait} {line} {path}")
        check(re.fullmatch(r"\+\d+", line), "the line: " + line)
        check_in(f"sites.c:{line[1:]}", terminal.selected(), "the selected row")
        terminal.wait(lambda text: text == before, "the screen as before")
        terminal.press("down", "o")
        check(_words(context)[1] != line, "the second row has the line of the first")
        terminal.press("home", "enter", "down", "o")
        check(_words(context)[1] != line, "the second frame has the line of the first")
        context.write("status", "7")
        terminal.press("o")
        _words(context)
        terminal.wait_for("has failed; VISUAL or EDITOR names another editor")
        terminal.press("q", "q")
        check_equal(terminal.ended(), 0, "status")


@test()
def other_editors(context):
    """VISUAL comes before EDITOR, and some editors take FILE:LINE."""
    trace.run(context, [program("sites")], out="heap.json")
    for name, pattern in (("code", rf"-g\n/.*{SITES}:\d+"), ("hx", rf"/.*{SITES}:\d+"), ("nano", rf"\+\d+\n/.*{SITES}")):
        editor = _editor(context, name)
        with Terminal(context, [CTRACE_TOP, "-i", "--source-path", ROOT, context.path("heap.json")], VISUAL=editor, EDITOR="/bin/false") as terminal:
            terminal.wait_for("[Sites]")
            terminal.press("o")
            check(re.fullmatch(pattern, "\n".join(_words(context))), f"words of {name}")
            terminal.press("q")
            check_equal(terminal.ended(), 0, "status")


@test()
def mouse(context):
    """A press selects a row, another opens it; the wheel moves."""
    trace.run(context, [program("sites")], out="heap.json")
    with Terminal(context, [CTRACE_TOP, "-i", context.path("heap.json")], term="xterm", lines=40) as terminal:
        terminal.shown("[Sites]")

        def line():
            return terminal.lines().index(terminal.selected()) + 1  # as the terminal counts

        def press(button, at):
            if b"1006" in terminal.raw:  # the newer way to report the mouse
                return f"\x1b[<{button};5;{at}M" + (f"\x1b[<{button};5;{at}m" if not button else "")
            return f"\x1b[M{chr(32 + button)}{chr(32 + 5)}{chr(32 + at)}" + (f"\x1b[M#{chr(32 + 5)}{chr(32 + at)}" if not button else "")

        first = line()
        terminal.press(press(0, first + 3))
        check_equal(line(), first + 3, "the selected line after a press")
        terminal.press(press(65, 1))
        check_equal(line(), first + 4, "after the wheel")
        terminal.press(press(64, 1), press(64, 1))
        check_equal(line(), first + 2, "after the wheel, back")
        # pyte does not know all of xterm's sequences, so the output is read.
        check(b"Esc closes" not in terminal.raw, "the stack is open too early")
        terminal.press(press(0, first + 2))
        check_in(b"Esc closes", terminal.raw, "the output after a press on the selected row")
        terminal.press("q", "q")
        check_equal(terminal.ended(), 0, "status")


@test()
def no_source(context):
    """A row whose source is not there: a line says so, and nothing is started."""
    editor = _editor(context)
    trace.run(context, [program("sites")], out="heap.json")
    with open(context.path("heap.json"), encoding="utf-8") as file:
        text = file.read()
    context.write("heap.json", text.replace("/programs/heap/", "/programs/gone/"))
    with Terminal(context, [CTRACE_TOP, "-i", context.path("heap.json")], EDITOR=editor) as terminal:
        terminal.wait_for("[Sites]")
        terminal.press("o")
        check_in("no source file found: --source-path names folders", terminal.text(), "the screen")
        terminal.press("q")
        check_equal(terminal.ended(), 0, "status")
    check(not os.path.exists(context.path("words")), "the editor was started")
