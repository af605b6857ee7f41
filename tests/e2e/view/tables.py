# SPDX-License-Identifier: MIT
"""Names of strangers in tables: no cell of --csv begins a formula, and no cell of Markdown ends early or makes a link."""

import csv
import io
import json
import re

from lib.harness import CTRACE, CTRACE_TOP, check, check_equal, check_in, test

BLANKS = "\u00a0\u2003\u200b\u3000\ufeff"
NAMES = [sign + "HYPERLINK(1)" for sign in "=+-@\uff1d\uff0b\uff0d\uff20"]
NAMES += [before + name for name in NAMES[:4] for before in (" ", "  ", '"', '""', "'", "' \"", *BLANKS)]
NAMES += ["'quoted", "''", "plain", "std::map<int, char>::operator=", "a,=1+1", "a;=1+1", 'x "=1"', "operator-", "f'"]
HARMLESS = {"plain", "std::map<int, char>::operator=", "a,=1+1", "a;=1+1", 'x "=1"', "operator-", "f'"}
FORMULA = re.compile(r"""[\s"'\u00a0\u200b\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]""")


def report(context, name, unit="ns"):
    """A report with one site for each name."""
    points = [
        {"tb": 16 + i, "tbk": 1, "tl": 5, "mb": 16, "mbk": 1, "gb": 16, "gbk": 1, "eb": 16, "ebk": 1, "fs": [i + 1]}
        for i in range(len(NAMES))
    ]
    frames = ["[root]"] + [f"0x{4096 + i:x}: {text} ({text.replace('(', '').replace(')', '')}.c:1)" for i, text in enumerate(NAMES)]
    head = {"dhatFileVersion": 2, "mode": "heap", "verb": "Allocated", "bklt": True, "bkacc": False, "tu": unit, "Mtu": "ms"}
    return context.write(name, json.dumps({**head, "tuth": 500, "cmd": "=p", "pid": 1, "te": 1000, "tg": 500, "pps": points, "ftbl": frames}))


def plain(cell):
    """The documented rule that recovers a name from a cell."""
    return cell[1:] if cell.startswith("'") else cell


@test()
def csv_cells(context):
    """A name that a spreadsheet could take for a formula has a ' in front. Without it, it is the original name."""
    path = report(context, "h.json")
    for more in ((), ("--by", "function"), ("--by", "file"), ("--by", "line")):
        text = context.run([CTRACE_TOP, "--csv", *more, path]).check().stdout_bytes.decode()
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        for row in rows:
            for key, cell in row.items():
                check(not FORMULA.match(cell) or cell.startswith("'"), f"{more}: {key} is {cell!r}")
                if key.endswith(("-bytes", "-blocks")) or key == "line":
                    check(cell.isdigit(), f"{more}: {key} is {cell!r}, no number")
        if "function" in rows[0]:
            check_equal({plain(row["function"]) for row in rows}, set(NAMES), f"{more}: names")
            marked = {plain(row["function"]) for row in rows if row["function"].startswith("'")}
            check_equal(marked, set(NAMES) - HARMLESS, f"{more}: names with a mark")


@test()
def markdown_cells(context):
    """In the tables of ctrace check each row has as many cells as headings, and no link, picture or HTML from a name."""
    path = report(context, "[a](http:x)<img>|`b`.json", unit="|<img src=x>[l](http:x)")
    rules = context.write("budget", "total <= 1\nlifetime <= 1\nfunction *|* total <= 1\nfunction nobody\x1b[31m total <= 5\n")
    text = context.run([CTRACE, "check", path, "--budget", rules, "-f", "md"]).check(1).stdout
    table = [line for line in text.splitlines() if line.startswith("|")]
    check(len(table) >= 4, text)
    for row in table:
        # As Markdown is read: an escaped | does not end a cell, and code spans are text.
        check_equal(len(re.findall(r"(?<!\\)\|", row)), 6, f"cells of {row!r}")
    bare = re.sub(r"`[^`]*`", "", text.replace("\\`", ""))
    check(not re.search(r"(?<!\\)[\[<]", bare), f"a link, picture or HTML: {bare}")
    check(not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text), f"control characters: {text!r}")
    check_in("lifetime <= 1", text, "the rule of the unit")
