# SPDX-License-Identifier: MIT
"""Programs that the loader starts, as in bundles: the report is the program's own, and ctrace looks through the loader."""

import glob
import os
import shutil

from lib import dhat, trace
from lib.harness import CTRACE, check, check_equal, check_in, program, test

LOADER = "/lib64/ld-linux-x86-64.so.2"
MUSL = "/lib/ld-musl-x86_64.so.1"
MISSING = "/lib64/ld-linux-x86-64.so.9"  # of the same length


def _bundle(context):
    """A program whose own loader is not installed, with a loader and a C library beside it."""
    folder = context.make_folder("bundle")
    loader = shutil.copy(os.path.realpath(LOADER), os.path.join(folder, "start"))
    with open(program("sites"), "rb") as file:
        bytes_ = file.read()
    check_equal(bytes_.count(LOADER.encode()), 1, "the loader's name in the program")
    app = context.write("bundle/app", bytes_.replace(LOADER.encode(), MISSING.encode()))
    return loader, app


def _program(report):
    return report.data["ctrace"]["program"]


@test(needs=LOADER)
def own_names(context):
    """Plain LD_PRELOAD: the report's name, the program, its functions and its command line are those of the program."""
    loader, app = _bundle(context)
    options = ["--library-path", "/usr/lib/x86_64-linux-gnu", "--preload", program("plugin_a.so"), "--argv0", "other"]
    for command, target in (([LOADER, program("sites")], program("sites")), ([loader, *options, app, "one", "two"], app)):
        trace.run(context, command, out="%e.json")
        path = context.path(os.path.basename(target) + ".json")
        report = dhat.check_file(path)
        os.remove(path)
        check_equal(report.data["cmd"], " ".join(command[command.index(target) :]), "command line")
        check_equal(_program(report), target, "program")
        trace.check_below(report, "do_malloc", (600, 6, 600, 6))
        trace.check_rooted(report)


@test(needs=LOADER)
def record(context):
    """ctrace record checks the program, not the loader, and passes everything on."""
    loader, app = _bundle(context)
    out = context.path("r.json")
    for words in ([loader, app], [loader, "--inhibit-cache", "--inhibit-rpath", "", "--library-path", "/lib/x86_64-linux-gnu", app]):
        context.run([CTRACE, "record", "-q", "-o", out, *words]).check()
        check_equal(_program(dhat.check_file(out)), app, "program")
    context.run([CTRACE, "record", "-q", "-o", context.path("runs/"), loader, app]).check()
    check_equal(len(glob.glob(context.path("runs/app-*"))), 1, "folders named like the program")
    static = program("static_hello")
    for words, status, part in (
        ([loader, static], 2, static + " is statically linked"),
        ([loader, "--argv0", "x", context.path("gone")], 127, context.path("gone") + ": no such program"),
        ([loader, context.write("text", "#!/bin/sh\n")], 2, "is not an ELF file"),
        ([loader, "--list", app], 2, "is the loader, which here starts nothing"),
        ([loader, "--argv0"], 2, "is the loader, which here starts nothing"),
        ([loader], 2, "is the loader, which here starts nothing"),
    ):
        told = context.run([CTRACE, "record", *words]).check(status).stderr
        check_in(part, told, f"ctrace record {' '.join(words)}")
    # The loader finds a name without a folder among the libraries, and reports itself what it cannot find.
    told = context.run([CTRACE, "record", loader, "no-such-name"])
    check_in("no-such-name", told.stderr, "a name without a folder")
    check("no such program in PATH" not in told.stderr, "ctrace record looked for a library name in PATH")


@test(needs=MUSL)
def loader_of_musl(context):
    """It is not a statically linked program."""
    for command in ("record", "doctor"):
        result = context.run([CTRACE, command, MUSL, program("sites")]).check(2 if command == "record" else 1)
        check_in(f"{MUSL} is musl's loader; start the program without it", result.stdout + result.stderr, command)


@test(needs=LOADER)
def doctor(context):
    loader, app = _bundle(context)
    told = context.run([CTRACE, "doctor", "--run", loader, "--argv0", "x", app]).check().stdout
    check_in(f"{app}, started by the loader {loader}", told, "program")
    check_in(f"{app}: functions and lines", told, "names")
    check_in("loads the library", told, "loader")
    check_in("sites, of app\n", told, "trial")
    check_in("is statically linked", context.run([CTRACE, "doctor", loader, program("static_hello")]).check(1).stdout, "static")
