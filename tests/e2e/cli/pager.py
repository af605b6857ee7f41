# SPDX-License-Identifier: MIT
"""Text on a terminal: the pager, and links to the lines of files."""

import os
import re
import socket

from lib import trace
from lib.harness import CTRACE, PYTHON, check, check_equal, check_in, test
from lib.screen import Terminal

SOURCE = """
#include <stdlib.h>
int main(void)
{
    return !malloc(1000); /* line 5 */
}
"""


def _long(context):
    """A report with more sites than a screen has lines."""
    trace.run(context, [PYTHON, "-S", "-c", "import json"], out="long.json", PYTHONMALLOC="malloc")
    return context.path("long.json")


@test(needs="less")
def less(context):
    """More than a screen goes through less, with colours; less ends at once if all fits; the status is ctrace's."""
    path = _long(context)
    for words in (["top", "-n", "100", path], ["diff", "-n", "100", path, context.path("other.json")], ["trend", path, path, *[path] * 40]):
        if words[0] == "diff":
            trace.run(context, [PYTHON, "-S", "-c", "import csv"], out="other.json", PYTHONMALLOC="malloc")
        with Terminal(context, [CTRACE, *words], lines=20) as terminal:
            terminal.wait(lambda text: text.rstrip().endswith(":"), "the prompt of less")
            check_in(b"\x1b[0", terminal.raw, "colours")
            first = terminal.text()
            os.write(terminal.master, b" ")
            terminal.wait(lambda text: text != first, "the next page")
            os.write(terminal.master, b"q")
            check_equal(terminal.ended(), 0, "status of " + words[0])
    with Terminal(context, [CTRACE, "top", "-n", "2", path], lines=40) as terminal:
        check_equal(terminal.ended(), 0, "status if all fits")
        check_in("more rows", terminal.text(), "the whole table")


@test(needs="less")
def no_pager(context):
    """--no-pager, PAGER=cat, an empty PAGER and a dumb terminal; and no pager for scripts' forms."""
    path = _long(context)
    for words, changes in ((["--no-pager"], {}), ([], {"PAGER": "cat"}), ([], {"PAGER": ""}), ([], {"term": "dumb"}), (["--csv"], {})):
        with Terminal(context, [CTRACE, "top", "-n", "100", *words, path], lines=20, **changes) as terminal:
            check_equal(terminal.ended(), 0, f"status with {words} {changes}")
    told = context.write("told", "")
    script = context.write("own", f'#!/bin/sh\ncat > "{told}"\n')
    os.chmod(script, 0o755)
    with Terminal(context, [CTRACE, "top", path], PAGER=script) as terminal:
        check_equal(terminal.ended(), 0, "status with a PAGER of one's own")
    with open(told, encoding="utf-8") as file:
        check_in("TOTAL", file.read(), "what the pager has read")
    # What is written to a file or a pipe never goes to a pager.
    os.truncate(told, 0)
    context.run([CTRACE, "top", path], env=context.environment(PAGER=script, TERM="xterm")).check()
    check_equal(os.path.getsize(told), 0, "bytes for the pager of a pipe")
    # A pager that leaves early is not an error, and one that cannot start does not hang.
    for pager in ("true", "/no/such/pager"):
        with Terminal(context, [CTRACE, "top", "-n", "0", path], PAGER=pager) as terminal:
            check_equal(terminal.ended(), 0, "status with PAGER=" + pager)


@test(needs="cc")
def links(context):
    """OSC 8 links to file and line, only on terminals that are known to show them, and only to files that are there."""
    folder = context.make_folder("a b;c")
    context.write("a b;c/app.c", SOURCE)
    context.run(["cc", "-g", "-O0", "-fno-builtin", "-o", context.path("app"), os.path.join(folder, "app.c")]).check()
    trace.run(context, [context.path("app")], out="heap.json")
    command = [CTRACE, "top", "--no-pager", context.path("heap.json")]

    def raw(**changes):
        with Terminal(context, command, columns=120, **changes) as terminal:
            check_equal(terminal.ended(), 0, "status")
            return terminal.raw.decode()

    text = raw(term="xterm-kitty")
    link = f"\x1b]8;;file://{socket.gethostname()}{context.folder}/a%20b%3Bc/app.c#5\x1b\\app.c:5\x1b]8;;\x1b\\"
    check_in(link, text, "a link")
    check_equal(text.count("\x1b]8;;file"), text.count("\x1b]8;;\x1b"), "links that end")
    plain = re.sub(r"\x1b\]8;;[^\x1b]*\x1b\\", "", text)
    check_equal(plain, raw(), "the text without links")
    for changes in ({"term": "screen", "VTE_VERSION": "6000"}, {"NO_COLOR": "1", "term": "xterm-kitty"}, {"VTE_VERSION": "4000"}):
        check("\x1b]8" not in raw(**changes), f"links with {changes}")
    check_in(link, raw(VTE_VERSION="7200"), "a link with VTE")
    os.remove(os.path.join(folder, "app.c"))
    check("\x1b]8" not in raw(term="xterm-kitty"), "links to a file that is gone")
