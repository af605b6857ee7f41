# SPDX-License-Identifier: MIT
"""Code is unloaded, and other code is loaded at the same addresses: stacks and names are those of the code at that time.

Each test runs with the loader's _dl_find_object and without it, as with a C library before 2.35.
"""

import collections
import glob
import os
import shutil

from lib import store, trace
from lib.harness import check, check_equal, program, test
from stacks import verify

GCONV = "/gconv/"


def both_ways(function):
    for suffix, debug in (("", ""), ("_without_find_object", "no-find-object")):

        def run(context, debug=debug):
            return function(context, debug)

        run.__name__ = function.__name__ + suffix
        test()(run)


@both_ways
def plugins_in_one_place(context, debug):
    """Two plugins have the same instructions at the same addresses, but frames of different sizes."""
    small, large = program("plugin_small.so"), program("plugin_large.so")
    places = context.run([program("plugin_host"), "places", small, large, small, large]).check().stdout.split()
    check(len(places) == 4 and len(set(places)) == 1, f"the plugins do not take each other's place: {places}")
    return str(verify(context, [program("plugin_host"), small, large, small, large], 30, debug="verify," + debug))


@both_ways
def plugins_by_name(context, debug):
    a, b = program("plugin_a.so"), program("plugin_b.so")
    report = trace.one(context, [program("plugin_host"), a, b, a], CTRACE_DEBUG=debug)
    for letter, rounds in (("a", 2), ("b", 1)):
        sites = report.leaf(f"plugin_{letter}_blocks")
        check_equal(sum(site["tbk"] for site in sites), 2 * rounds, f"blocks of plugin_{letter}")
        for site in sites:
            check_equal(os.path.basename(site.frames[0].module), f"plugin_{letter}.so", "module")


def modules_in_store(context, files):
    result = trace.run(context, [program("plugin_host"), *files], CTRACE_EXPORT="0")
    (path,) = glob.glob(context.path(f"*{result.pid}*.store"))
    return store.Store(path).used["modules"]


@test()
def many_modules(context):
    """So many files that the index of modules grows, each loaded twice. A module is found again and is not duplicated."""
    files = [os.path.join(context.folder, f"plugin_{number}.so") for number in range(300)]
    for file in files:
        shutil.copy(program("plugin_a.so"), file)
    few = modules_in_store(context, files[:1])
    check_equal(modules_in_store(context, files) - few, len(files) - 1, "modules of so many files")
    check_equal(modules_in_store(context, files + files) - few, len(files) - 1, "modules of the same, loaded twice")


@both_ways
def charsets(context, debug):
    """The C library unloads its character set modules without dlclose. Their calls of malloc are correct in every round."""
    rounds = 5
    report = trace.one(context, [program("charsets"), rounds], CTRACE_DEBUG=debug)
    blocks = collections.Counter()
    for site in report.sites:
        if GCONV in site.frames[0].module:
            blocks[os.path.basename(site.frames[0].module)] += site["tbk"]
    for module in ("UTF-16.so", "UTF-32.so", "UTF-7.so", "UNICODE.so"):
        check_equal(blocks[module], rounds, f"blocks of {module}, of {dict(blocks)}")
    return str(verify(context, [program("charsets"), rounds], 500, debug="verify," + debug))


@test()
def for_ever(context):
    """Loading and unloading code again and again does not use more and more memory."""
    command = [program("reload"), program("plugin_a.so"), "6000"]
    check_equal(context.run(command).check().stdout, "done\n", "without ctrace")
    check_equal(trace.run(context, command).stdout, "done\n", "with ctrace")
