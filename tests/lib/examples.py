#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the programs in examples/ and compares their output with their README.md.

As a program, it writes the current output into the pages: tests/lib/examples.py [NAME...]
"""

import difflib
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, "examples")

# Text that differs from run to run, and what replaces it in a comparison. examples/README.md lists the same for readers.
MASKS = (
    (r"pid \d+", "pid PID"),
    (r"/tmp/tmp\.\w+", "FOLDER"),
    (r"\b0x[0-9a-fA-F]+\b", "ADDRESS"),
    (r"\b\d+(\.\d+)? (ns|µs|ms|s)\b", "TIME"),
    (r"\(\d+(\.\d+)? % of the run\)", "(SHARE of the run)"),
    (r"(?m)^live .* up to", "live CHART up to"),
    (r"(?m)^(own cost ) .*", r"\1 SIZE"),
    (r"[ \t]+", " "),  # columns are as wide as their widest number
)

BLOCK = re.compile(r"(?s)```\n(.*?)```\n")


def names():
    return sorted(name for name in os.listdir(FOLDER) if os.path.exists(os.path.join(FOLDER, name, "run")))


def page(name):
    return os.path.join(FOLDER, name, "README.md")


def mask(text):
    for pattern, word in MASKS:
        text = re.sub(pattern, word, text)
    return text


def shown(name):
    """The output of the example according to its page: the page's first block."""
    with open(page(name), encoding="utf-8") as file:
        return BLOCK.search(file.read()).group(1)


def difference(name, output):
    """Lines that differ after masking, as in diff -u; empty if there are none."""
    wanted, got = (mask(text).splitlines() for text in (shown(name), output))
    return "\n".join(difflib.unified_diff(wanted, got, "README.md", "run", lineterm="", n=1))


def update(name):
    output = subprocess.run([os.path.join(FOLDER, name, "run")], stdout=subprocess.PIPE, check=True).stdout.decode()
    with open(page(name), encoding="utf-8") as file:
        text = file.read()
    with open(page(name), "w", encoding="utf-8") as file:
        file.write(BLOCK.sub(lambda _: f"```\n{output}```\n", text, count=1))


if __name__ == "__main__":
    for each in sys.argv[1:] or names():
        update(each)
