# SPDX-License-Identifier: MIT
"""Names that were looked up are kept in the user's cache folder: used as long as they are right, and never needed."""

import filecmp
import glob
import os
import shutil
import subprocess

from lib import dhat, trace
from lib.harness import CTRACE, check, check_equal, check_in, program, test

CODE = r"""
#include <stdlib.h>
__attribute__((noinline)) void *NAME(void) { char *block = malloc(100); if (block) block[0] = 1; return block; }
int main(void) { void *block = NAME(); __asm__ volatile("" : : "r"(block)); return 0; }
"""


def _kept(context):
    return glob.glob(context.path(".cache", "ctrace", "names", "*"))


def _record(context, command, name="kept.json", **changes):
    """Record without a report."""
    trace.run(context, command, out=name, CTRACE_EXPORT=0, **changes)
    return context.path(name + ".store")


def _export(context, store, name, **changes):
    output = context.path(name)
    context.run([CTRACE, "export", store, "-o", output], env=context.environment(**changes)).check()
    return output


def _functions(path):
    return {function for site in dhat.load(path).sites for function in site.functions()}


def _build(context, function, *options):
    code = context.write("kept.c", CODE)
    path = context.path("kept")
    context.run(["gcc", "-g", "-O1", "-DNAME=" + function, "-Wl,--build-id", *options, code, "-o", path + ".new"]).check()
    os.rename(path + ".new", path)
    return path


@test("strace")
def read_only_once(context):
    store = _record(context, [program("cxx")])
    first = _export(context, store, "first.json")
    check(_kept(context), "no names were kept")
    log = context.path("opened")
    context.run(["strace", "-f", "-e", "trace=openat", "-o", log, CTRACE, "export", store, "-o", context.path("second.json")]).check()
    check(filecmp.cmp(first, context.path("second.json"), shallow=False), "the second report differs")
    with open(log, encoding="utf-8") as lines:
        opened = lines.read()
    start = opened.index("second.json") if "second.json" in opened else len(opened)
    for name in (program("cxx"), ".debug"):
        check(name + '"' not in opened[:start], f"{name} is opened again:\n{opened[:start]}")


@test()
def the_library_passes_the_folder_on(context):
    trace.run(context, [program("cxx")])
    check(_kept(context), "the exporter kept no names")
    for path in _kept(context):
        check_equal(os.stat(path).st_mode & 0o777, 0o600, "mode of " + path)
    check_equal(os.stat(context.path(".cache", "ctrace", "names")).st_mode & 0o777, 0o700, "mode of the folder")


@test("gcc")
def another_build_of_the_same_path(context):
    for function in ("first_build", "second_build", "first_build"):
        store = _record(context, [_build(context, function)])
        for attempt in ("cold", "warm"):
            check_in(function, _functions(_export(context, store, attempt + ".json")), attempt)
        os.unlink(store)


@test(("gcc", "objcopy", "strip"))
def debug_information_that_comes_later(context):
    path = _build(context, "inner")
    debug = context.path("kept.debug")
    context.run(["objcopy", "--only-keep-debug", path, debug + ".away"]).check()
    context.run(["strip", path]).check()
    store = _record(context, [path])
    check("inner" not in _functions(_export(context, store, "before.json")), "a stripped program has names")
    check("inner" not in _functions(_export(context, store, "again.json")), "a stripped program has names")
    os.rename(debug + ".away", debug)
    check_in("inner", _functions(_export(context, store, "after.json")), "names from beside the program")
    os.unlink(debug)
    check("inner" not in _functions(_export(context, store, "gone.json")), "names are used whose file is gone")


@test("gcc")
def never_needed(context):
    """Without a folder, with one that cannot be used, and with a damaged file, the report is the same."""
    store = _record(context, [_build(context, "needed")])
    wanted = _export(context, store, "wanted.json", CTRACE_CACHE="off")
    check(not _kept(context), "CTRACE_CACHE=off keeps names")
    blocked = context.write("blocked", "a file")
    open_to_all = context.make_folder("open")
    os.chmod(open_to_all, 0o777)
    elsewhere = context.make_folder("elsewhere")
    os.symlink(elsewhere, context.path("linked"))
    os.makedirs(context.path("home", ".cache"))
    os.symlink(elsewhere, context.path("home", ".cache", "ctrace"))
    for changes in (
        {"HOME": "/nonexistent"},
        {"HOME": "relative"},
        {"HOME": blocked},
        {"HOME": context.path("home")},
        {"XDG_CACHE_HOME": blocked},
        {"CTRACE_CACHE": open_to_all},
        {"CTRACE_CACHE": "/dev/null"},
    ):
        got = _export(context, store, "got.json", **changes)
        check(filecmp.cmp(wanted, got, shallow=False), f"another report with {changes}")
    check(not os.listdir(elsewhere), "a link was followed")
    check(not os.listdir(open_to_all), "a folder that others can write to was used")
    for name in ("cold", "warm", "damaged"):
        if name == "damaged":
            for path in _kept(context):
                os.truncate(path, os.stat(path).st_size // 2)
        check(filecmp.cmp(wanted, _export(context, store, name + ".json"), shallow=False), f"another report: {name}")


@test()
def many_at_once(context):
    """Exporters that write the same files do not disturb each other."""
    store = _record(context, [program("cxx")])
    wanted = _export(context, store, "wanted.json", CTRACE_CACHE="off")
    for _ in range(3):
        exporters = [
            subprocess.Popen([CTRACE, "export", store, "-o", context.path(f"{i}.json")], env=context.environment(), stderr=subprocess.DEVNULL)
            for i in range(12)
        ]
        for i, exporter in enumerate(exporters):
            check_equal(exporter.wait(), 0, "status of an exporter")
            check(filecmp.cmp(wanted, context.path(f"{i}.json"), shallow=False), "another report")
        check(not [path for path in _kept(context) if path.endswith(".tmp")], "a temporary file is left")
        shutil.rmtree(context.path(".cache"))
