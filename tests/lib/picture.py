#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Draws a picture of a program in a terminal, for the documentation.

    tests/lib/picture.py [--columns N] [--lines N] [--keys 'KEY KEY ...'] OUT.png COMMAND [ARGUMENT...]

For docs/interactive.png: make a recording as docs/README.md says, then run this with `build/bin/ctrace-top -i FILE`.
It needs python3-pyte, python3-pil and the font DejaVu Sans Mono (fonts-dejavu-core).
"""

import argparse
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from PIL import Image, ImageDraw, ImageFont  # noqa: E402

from lib.harness import Context  # noqa: E402
from lib.screen import Terminal  # noqa: E402

FONTS = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono%s.ttf"
SIZE = 15
MARGIN = 14
PAPER, INK = "#1e2228", "#d8dee9"
COLOURS = {
    "black": "#3b4252", "red": "#e06c75", "green": "#98c379", "brown": "#e5c07b",
    "blue": "#61afef", "magenta": "#c678dd", "cyan": "#56b6c2", "white": "#d8dee9",
}  # fmt: skip


def _colours(cell):
    ink = INK if cell.fg == "default" else COLOURS.get(cell.fg, "#" + cell.fg)
    paper = PAPER if cell.bg == "default" else COLOURS.get(cell.bg, "#" + cell.bg)
    return (paper, ink) if cell.reverse else (ink, paper)


def draw(screen, path):
    """Draw pyte's screen cell by cell."""
    regular, bold = (ImageFont.truetype(FONTS % style, SIZE) for style in ("", "-Bold"))
    width, height = round(regular.getlength("M")), sum(regular.getmetrics())
    image = Image.new("RGB", (screen.columns * width + 2 * MARGIN, screen.lines * height + 2 * MARGIN), PAPER)
    pen = ImageDraw.Draw(image)
    for y in range(screen.lines):
        for x in range(screen.columns):
            cell = screen.buffer[y][x]
            ink, paper = _colours(cell)
            left, top = MARGIN + x * width, MARGIN + y * height
            if paper != PAPER:
                pen.rectangle((left, top, left + width - 1, top + height - 1), fill=paper)
            if cell.data.strip():
                pen.text((left, top), cell.data, font=bold if cell.bold else regular, fill=ink)
    image.save(path, optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--columns", type=int, default=124)
    parser.add_argument("--lines", type=int, default=34)
    parser.add_argument("--keys", default="", help="keys to press first, separated by blanks, as in lib/screen.py")
    parser.add_argument("out")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        terminal = Terminal(Context("picture", folder), options.command, options.columns, options.lines)
        with terminal:
            terminal.settle()
            terminal.press(*options.keys.split())
            draw(terminal.screen, options.out)


if __name__ == "__main__":
    main()
