# SPDX-License-Identifier: MIT
"""ctrace advise --what-if, compared with the allocators themselves."""

import glob
import json

from lib import trace
from lib.harness import CTRACE, Skip, check, check_equal, check_in, test

LIBRARIES = {"jemalloc": "libjemalloc.so.2", "tcmalloc": "libtcmalloc_minimal.so.4", "mimalloc": "libmimalloc.so.2*"}

# Prints each size at which the allocator takes more, and the bytes. glibc's usable size lacks the header of 8 bytes.
CLASSES = r"""
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
	size_t last = 0;
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	for (size_t size = 1; size < 2000000; size += size < 40000 ? 1 : 8 * (size / 40000)) {
		void *block = malloc(size), *next = malloc(1);
		size_t usable = malloc_usable_size(block);
		if (usable != last)
			printf("%zu %zu\n", size, usable);
		last = usable;
		free(block);
		free(next);
	}
}
"""

# Keeps blocks of one size and of many sizes, and prints what the allocator took for them.
KEEPS = r"""
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
enum { EACH = 20000 };
static void *kept[2 * EACH];
__attribute__((noinline)) static void parse(void)
{
	for (int i = 0; i < EACH; i++)
		kept[i] = malloc(1040);
}
__attribute__((noinline)) static void mixed(void)
{
	for (int i = EACH; i < 2 * EACH; i++)
		kept[i] = malloc(1 + i * 7919 % 3000);
}
int main(void)
{
	parse();
	mixed();
	size_t usable = 0;
	for (int i = 0; i < 2 * EACH; i++)
		usable += malloc_usable_size(kept[i]);
	fprintf(stderr, "%zu\n", usable);
}
"""


def _allocator(name):
    """The allocator's library, to be preloaded; None for the C library's own."""
    if name == "glibc":
        return None
    found = sorted(glob.glob("/usr/lib/*/" + LIBRARIES[name]))
    if not found:
        raise Skip(f"{LIBRARIES[name]} is missing")
    return found[0]


def _build(context, source, *flags):
    binary = context.path("program")
    context.run(["cc", "-g", *flags, "-o", binary, context.write("program.c", source)]).check()
    return binary


def _what_if(context, path, *options):
    return json.loads(context.run([CTRACE, "advise", "--what-if", "-f", "json", *options, path]).check().stdout)


def _natively(context, binary, allocator):
    return context.run([binary], env=context.environment(**({"LD_PRELOAD": allocator} if allocator else {}))).check()


def _one_block(context, size):
    point = dict(tb=size, tbk=1, tl=1, mb=size, mbk=1, gb=size, gbk=1, eb=size, ebk=1, fs=[1])
    report = dict(dhatFileVersion=2, mode="heap", verb="Allocated", bklt=True, bkacc=False, tu="instrs", Mtu="Minstr", tuth=10,
                  cmd="one", pid=1, te=2, tg=1, pps=[point], ftbl=["[root]", "0x1: main (one.c:1)"])
    return context.write("one.json", json.dumps(report))


def _classes(name):
    def run(context):
        """Where the allocator takes more for a block, the table does too, by as much."""
        header = 8 if name == "glibc" else 0
        out = _natively(context, _build(context, CLASSES), _allocator(name)).stdout
        found = [tuple(map(int, line.split())) for line in out.splitlines()]
        step = max(1, len(found) // 150)
        for size, usable in found[:60] + found[60::step]:
            taken = _what_if(context, _one_block(context, size))["takenBytes"][name]
            check_equal(taken, usable + header, f"{name}: what a block of {size} bytes takes")
        return f"{len(found)} classes"

    run.__name__ = f"classes_of_{name}"
    return test(needs="cc")(run)


for _name in ("glibc", *LIBRARIES):
    globals()[f"classes_of_{_name}"] = _classes(_name)


@test(needs="cc")
def whole_program(context):
    """The sum over a program's blocks is what the allocators report, although half of the sizes are known by their power of two."""
    binary = _build(context, KEEPS, "-O0")
    result = trace.run(context, [binary])
    path = trace.reports(context)[result.pid].path
    told = _what_if(context, path)
    check_equal(told["peakBlocks"] // 1000, 40, "thousand blocks at the peak")
    check(0.5 < told["estimatedBytes"] / told["peakBytes"] < 0.65, f"estimated: {told['estimatedBytes']} of {told['peakBytes']}")
    for name in ("glibc", *LIBRARIES):
        try:
            usable = int(_natively(context, binary, _allocator(name)).stderr.splitlines()[-1])
        except Skip:
            continue
        taken = told["takenBytes"][name] - (8 * told["peakBlocks"] if name == "glibc" else 0)
        check(abs(taken - usable) < usable / 500, f"{name} takes {usable}, and we say {taken}")
    (row,) = told["smallerSizes"]
    check_in("parse program.c:", row["where"], "where")
    check_equal((row["bytes"], row["smaller"], row["peakBlocks"]), (1040, 1024, 20000), "the change")
    check_equal(row["saved"], {"glibc": 16 * 20000, "jemalloc": 256 * 20000, "tcmalloc": 128 * 20000, "mimalloc": 256 * 20000},
                "what it saves")
    shown = context.run([CTRACE, "advise", "--what-if", path]).check().stdout
    for part in ("1. 1,024 bytes instead of 1,040", "4.88 MiB with jemalloc", "known only by their power of two"):
        check_in(part, shown, "text")


@test()
def without_a_peak(context):
    report = {"dhatFileVersion": 2, "mode": "copy", "verb": "Copied", "bklt": False, "bkacc": False, "tu": "instrs", "Mtu": "Minstr",
              "cmd": "c", "pid": 1, "te": 1, "pps": [], "ftbl": ["[root]"]}
    result = context.run([CTRACE, "advise", "--what-if", context.write("copy.json", json.dumps(report))]).check(2)
    check_in("does not know what was live at the peak", result.stderr, "the error")
    check_equal(len(result.stderr.splitlines()), 1, "lines")
