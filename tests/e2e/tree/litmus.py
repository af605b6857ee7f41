# SPDX-License-Identifier: MIT
"""The order of memory that threads and readers of a running store rely on, in C's memory model (tests/litmus/*.litmus).

herd7 looks at all executions of such a test (tests/litmus/setup).
"""

import glob
import os
import re

from lib.harness import BUILD, ROOT, Skip, check, check_equal, test, why_missing

HERD = os.path.join(BUILD, "herd7", "herd7")
FOLDER = os.path.join(ROOT, "tests", "litmus")
ORDER = re.compile(r"  atomic_thread_fence\(memory_order_\w+\);\n|memory_order_(?:acquire|release)")


def _observation(context, text):
    """What herd7 says of the outcome that must not be: Never, Sometimes or Always."""
    path = context.path("now.litmus")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    output = context.run([HERD, "-model", "rc11.cat", path]).check().stdout
    found = re.search(r"^Observation \w+ (\w+) ", output, re.MULTILINE)
    check(found, f"no observation:\n{output}")
    return found.group(1)


def _weaker(text):
    """The test without each of its fences, and with each of its ordered accesses relaxed, one at a time."""
    for found in ORDER.finditer(text):
        word = "" if "fence" in found.group() else "memory_order_relaxed"
        yield found.group().strip(), text[: found.start()] + word + text[found.end() :]


@test()
def order(context):
    """What must not be seen never is, and would be without any one of the fences and ordered accesses."""
    if not os.access(HERD, os.X_OK):
        raise Skip(why_missing(HERD, "herd7", "tests/litmus/setup"))
    paths = sorted(glob.glob(os.path.join(FOLDER, "*.litmus")))
    check(paths, "no litmus tests")
    for path in paths:
        name = os.path.basename(path)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        check_equal(_observation(context, text), "Never", name)
        weaker = list(_weaker(text))
        check(len(weaker) >= 2, f"{name}: nothing is ordered")
        for what, other in weaker:
            check_equal(_observation(context, other), "Sometimes", f"{name} without {what}")
