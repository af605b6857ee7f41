# SPDX-License-Identifier: MIT
"""Unwind tables that the program headers do not lead to: .eh_frame without its header, and .debug_frame alone."""

import os
import random
import shutil

from lib import trace
from lib.harness import check, check_equal, test

CALLS = r"""
#include <stdlib.h>
#include <string.h>
#define FUNCTION(name, callee) \
	__attribute__((noinline)) void *name(size_t bytes) \
	{ \
		char room[64]; \
		memset(room, (int)bytes, sizeof(room)); \
		__asm__ volatile("" : : "r"(room) : "memory"); \
		char *block = callee(bytes + (size_t)room[1]); \
		__asm__ volatile("" : : "r"(block) : "memory"); \
		return block; \
	}
FUNCTION(innermost, malloc)
FUNCTION(second, innermost)
FUNCTION(third, second)
"""
MAIN = "void *third(unsigned long);\nint main(void)\n{\n\tfor (int i = 0; i < 10; i++)\n\t\tthird(1000);\n\treturn 0;\n}\n"
NO_HEADER = ["-Wl,--no-eh-frame-hdr"]
DEBUG_ONLY = ["-fno-asynchronous-unwind-tables", "-fno-unwind-tables"]
WHOLE = ["innermost", "second", "third", "main"]


def _build(context, name, *options, source=CALLS + MAIN):
    path = context.path(name)
    words = ["gcc", "-g", "-O2", "-fomit-frame-pointer", *options, context.write(name + ".c", source), "-o", path]
    context.run(words).check()
    return path


def _stack(context, command, **changes):
    """The functions of the only site below main, innermost first, and whether the stack is whole."""
    report = trace.one(context, command, **changes)
    (site,) = [site for site in report.sites if any(frame.function == "innermost" for frame in site.frames)]
    return [frame.function for frame in site.frames][:4], site.cut


@test(needs="gcc")
def whole_stacks(context):
    for how in (NO_HEADER, DEBUG_ONLY):
        for more in ([], ["-no-pie"], ["-gdwarf-3"], ["-gdwarf-5"], ["-Wl,-z,noseparate-code"]):
            path = _build(context, "app", *how, *more)
            for debug in ("", "no-find-object"):
                check_equal(_stack(context, [path], CTRACE_DEBUG=debug), (WHOLE, False), f"{how} {more} {debug}")


@test(needs=("gcc", "objcopy"))
def header_without_a_table(context):
    """So does a linker write it that does not understand a record."""
    path = _build(context, "app")
    header = context.path("header")
    context.run(["objcopy", "--dump-section", ".eh_frame_hdr=" + header, path, context.path("other")]).check()
    with open(header, "rb") as file:
        bytes_ = file.read()
    context.write("header", bytes_[:2] + b"\xff\xff" + bytes_[4:])
    context.run(["objcopy", "--update-section", ".eh_frame_hdr=" + header, path, context.path("bare")]).check()
    check_equal(_stack(context, [context.path("bare")]), (WHOLE, False), "a header without a table")


@test(needs="gcc")
def libraries(context):
    """A library has a table of its own, and the program another."""
    for how in (NO_HEADER, DEBUG_ONLY):
        library = _build(context, "libcalls.so", *how, "-shared", "-fPIC", source=CALLS)
        path = _build(context, "app", "-Wl,--no-as-needed", library, *how, source=MAIN)
        check_equal(_stack(context, [path]), (WHOLE, False), f"{how}")


@test(needs="gcc")
def unsorted(context):
    """The records are in the order of the object files, the code is not."""
    sections = "\n".join(f'FUNCTION(unused_{number}, malloc)' for number in range(40))
    for how in (NO_HEADER, DEBUG_ONLY):
        source = "\n".join(
            f'__attribute__((section(".text.{99 - index:02}"))) void *{name}(unsigned long);'
            for index, name in enumerate(("innermost", "second", "third"))
        )
        path = _build(context, "app", *how, source=source + CALLS + sections + MAIN)
        check_equal(_stack(context, [path]), (WHOLE, False), f"{how}")


@test(needs=("gcc", "objcopy", "strip"))
def damaged_or_missing(context):
    """A damaged .debug_frame ends or misleads stacks, but never harms the program. Without any table, stacks end early."""
    path = _build(context, "app", *DEBUG_ONLY)
    table = context.path("table")
    context.run(["objcopy", "--dump-section", ".debug_frame=" + table, path, context.path("other")]).check()
    with open(table, "rb") as file:
        whole = file.read()
    rng = random.Random(14)
    for number in range(60):
        damaged = bytearray(whole)
        for _ in range(rng.randrange(1, 9)):
            damaged[rng.randrange(len(damaged))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        context.write("table", bytes(damaged))
        broken = context.path("broken")
        context.run(["objcopy", "--update-section", ".debug_frame=" + table, path, broken]).check()
        report = trace.one(context, [broken])
        check_equal(report.total("tbk"), 10, f"blocks with damage {number}")
    stripped = shutil.copy(path, context.path("stripped"))
    context.run(["strip", "--strip-debug", stripped]).check()
    stack, _ = _stack(context, [stripped])
    check(stack != WHOLE, "this program's stacks are whole without any table: the test tests nothing")


@test(needs="gcc")
def file_that_was_replaced(context):
    """The table of a newer build must not be used for the old one; that of the executable is found through /proc."""
    main = "#include <stdio.h>\nint main(int count, char **words)\n{\n\tcount = rename(words[1], words[2]);\n"
    source = (CALLS + MAIN).replace("int main(void)\n{\n", main)
    for how in (NO_HEADER, DEBUG_ONLY):
        path = _build(context, "app", *how, source=source)
        newer = _build(context, "newer", *how, "-O0", source=source)
        check_equal(_stack(context, [path, newer, path]), (WHOLE, False), f"{how}")
        check(not os.path.exists(newer), "the program has not replaced its file")
