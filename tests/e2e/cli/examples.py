# SPDX-License-Identifier: MIT
"""Every example prints what its page shows, leaves nothing behind, and is listed in the index."""

import os
import platform
import re
import shutil

from lib import examples, trace
from lib.harness import BUILD, ROOT, Skip, check, check_equal, check_in, test

TOOLS = {"rust": "rustc"}  # not in every Debian; if it is missing, only this example is skipped


def _example(context, name):
    path = "/usr/local/bin:/usr/bin:/bin"
    tool = TOOLS.get(name)
    if tool:
        if not shutil.which(tool):
            raise Skip(tool)
        path += ":" + os.path.dirname(shutil.which(tool))
    env = context.environment(B=BUILD, PATH=path, TMPDIR=context.make_folder("tmp"))
    env["HOME"] = os.environ.get("HOME", context.folder)  # rustup looks for its toolchain here
    before = sorted(os.listdir(os.path.join(ROOT, "examples", name)))
    result = context.run([os.path.join(ROOT, "examples", name, "run")], env=env).check()
    check_equal(os.listdir(context.path("tmp")), [], "files left in TMPDIR")
    check_equal(sorted(os.listdir(os.path.join(ROOT, "examples", name))), before, "files of the example")
    different = examples.difference(name, result.stdout.replace(context.path("tmp"), "/tmp"))
    if different and platform.freedesktop_os_release().get("VERSION_ID") != "12":
        raise Skip("Debian 12, whose numbers are in the page")
    check(not different, f"tests/lib/examples.py {name} would write another page:\n{different}")


def _register(name):
    def run(context):
        _example(context, name)

    run.__name__ = name
    run.__doc__ = f"examples/{name}"
    test(needs=("cc",))(run)


for _name in examples.names():
    _register(_name)


@test()
def index(context):
    """examples/README.md and README.md name each example; each example has a page and a program."""
    with open(os.path.join(ROOT, "examples", "README.md"), encoding="utf-8") as file:
        text = file.read()
    listed = re.findall(r"^\| \[(\w+)\]\((\w+)/\)", text, re.M)
    check_equal(sorted(name for name, _ in listed), examples.names(), "examples in the index")
    check(all(name == folder for name, folder in listed), f"links in the index: {listed}")
    for name in examples.names():
        check_in("$ ", examples.shown(name), f"the page of {name}")


@test()
def masks(context):
    """Seeded violations: times and pids may differ, but a changed count or function or a missing line is noticed."""
    wanted = examples.shown("leak")
    check_equal(examples.difference("leak", wanted), "", "the page itself")
    later = re.sub(r"ran [\d.]+ (ms|µs)", "ran 17.5 s", re.sub(r"pid \d+", "pid 1", wanted))
    check(later != wanted, "nothing to mask")
    check_equal(examples.difference("leak", later), "", "another run")
    for old, new in (("9,936", "9,937"), ("by put", "by get"), ("definitely lost", "possibly lost"), ("\n", "")):
        changed = wanted.replace(old, new, 1)
        check(changed != wanted, f"{old!r} is not in the page")
        check(examples.difference("leak", changed), f"{old!r} became {new!r} unnoticed")


@test(needs="cc")
def heap_test_fails(context):
    """The heap test catches a look-up that allocates."""
    with open(os.path.join(ROOT, "examples", "heap_test", "heap_test.c"), encoding="utf-8") as file:
        text = file.read()
    worse = text.replace("struct word *word = words;\n", "struct word *word = words;\n\tfree(malloc(strlen(text)));\n", 1)
    check(worse != text, "nothing was replaced")
    source = context.write("worse.c", worse)
    context.run(["cc", "-I" + os.path.join(ROOT, "include"), "-fno-builtin", "-o", "worse", source]).check()
    context.run([context.path("worse")]).check()
    result = context.run([context.path("worse")], env=trace.environment(context, "worse.json"))
    check(result.status != 0, "the allocating look-up has passed")
    check_in("Assertion", result.stderr, "the allocating look-up")
