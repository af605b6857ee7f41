# SPDX-License-Identifier: MIT
"""Under fire: the functions that allocators have besides malloc (mallocx, tc_malloc, mi_malloc), however they are reached."""

import glob

from lib import dhat, trace
from lib.fire import run_both
from lib.harness import CTRACE, LIBRARY, Skip, check, check_equal, check_in, test

LINKED = "ctrace: an allocator is linked into the program; what its je_malloc allocates is not recorded\n"


def _library(name):
    found = sorted(glob.glob(f"/usr/lib/*/lib{name}.so.[0-9]"))
    if not found:
        raise Skip(f"lib{name}")
    return found[0]


def _build(context, name, source, *options):
    context.write(name + ".c", source)
    context.run(["gcc", "-O1", "-g", "-w", "-fno-builtin", "-o", name, name + ".c", *options]).check()
    return context.path(name)


def _run(context, command, preload=LIBRARY, **changes):
    result = run_both(context, command, preload=preload, CTRACE_OUT=context.path("kept.json"), **changes)
    return result, dhat.check_file(context.path("kept.json"))


def _check(report, what, **wanted):
    """Check (blocks in total, live blocks, bytes in total, live bytes) that functions of the program have allocated."""
    keys = ("tbk", "ebk", "tb", "eb")
    found = {name: tuple(sum(site[key] for site in report.leaf(name)) for key in keys) for name in wanted}
    check_equal(found, wanted, what)
    check_equal([report.losses[key] for key in ("unknownFrees", "dropped", "bypassed")], [0, 0, 0], what + ": losses")


JEMALLOC = """
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
extern void *mallocx(size_t, int), *rallocx(void *, size_t, int);
extern size_t xallocx(void *, size_t, size_t, int), nallocx(size_t, int);
extern void dallocx(void *, int), sdallocx(void *, size_t, int);
void *(*from_data)(size_t, int) = mallocx;
__attribute__((noinline)) void give(void)
{
	for (int i = 0; i < 100; i++) {
		void *p = mallocx(500, 0);
		if (i % 2)
			dallocx(p, 0);
	}
}
__attribute__((noinline)) void mix(void)
{
	void *kept[1000];
	for (int i = 0; i < 1000; i++)
		kept[i] = malloc(64); /* false leaks, if the frees are not seen */
	for (int i = 0; i < 1000; i++)
		sdallocx(kept[i], 64, 0);
}
__attribute__((noinline)) void grow(void)
{
	for (int i = 0; i < 10; i++) {
		void *p = rallocx(mallocx(100, 0), 9000, 0);
		if (xallocx(p, 9001, 3, 0) < 9001 || xallocx(p, 1ul << 40, 0, 0) >= 1ul << 40)
			abort();
		if (i)
			free(p);
	}
}
__attribute__((noinline)) void pointer(void)
{
	for (int i = 0; i < 7; i++)
		from_data(i, 0);
}
int main(void)
{
	give();
	mix();
	grow();
	pointer();
	puts("done");
	return 0;
}
"""
BUILDS = (
    ("-Wl,-z,lazy",),
    ("-Wl,-z,now", "-Wl,-z,relro"),
    ("-fno-plt", "-Wl,-z,now"),
    ("-no-pie", "-fno-pie", "-Wl,-z,lazy"),
    ("-no-pie", "-fno-pie", "-Wl,-z,now"),
)


@test(needs="gcc")
def of_jemalloc(context):
    """mallocx and its kin, called through slots of each kind, in a program and in a library."""
    library = _library("jemalloc")
    for options in BUILDS:
        app = _build(context, "app", JEMALLOC, *options, library)
        part = _build(context, "part.so", JEMALLOC.replace("main", "work"), "-shared", "-fPIC", options[-1], library)
        source = "extern int work(void); int main(void) { return work(); }"
        user = _build(context, "user", source, "-Wl,--no-as-needed", library, part)
        for command in ([app], [user]):
            _, report = _run(context, command)
            grown = 10 * (100 + 9000 + 9004)
            _check(
                report,
                f"{command} built with {options}",
                give=(100, 50, 50000, 25000),
                mix=(1000, 0, 64000, 0),
                grow=(30, 1, grown, 9004),
                pointer=(7, 7, 21, 21),
            )


TCMALLOC = """
#include <stddef.h>
#include <stdio.h>
extern void *tc_malloc(size_t), *tc_calloc(size_t, size_t), *tc_realloc(void *, size_t), *tc_memalign(size_t, size_t);
extern void *tc_new(size_t), *tc_newarray_nothrow(size_t, void *), *malloc(size_t);
extern int tc_posix_memalign(void **, size_t, size_t);
extern void tc_free(void *), tc_delete(void *), tc_deletearray(void *), tc_cfree(void *), free(void *);
__attribute__((noinline)) void give(void)
{
	void *p;
	for (int i = 0; i < 50; i++) {
		tc_free(tc_malloc(100));
		tc_cfree(tc_calloc(10, 10));
		tc_free(tc_realloc(tc_realloc(NULL, 100), 100));
		tc_free(tc_memalign(64, 100));
		tc_posix_memalign(&p, 64, 100);
		tc_delete(p);
		tc_delete(tc_new(100));
		tc_deletearray(tc_newarray_nothrow(100, NULL));
		free(tc_malloc(100));
		tc_free(malloc(100));
	}
	tc_malloc(200);
}
int main(void)
{
	give();
	puts("done");
	return 0;
}
"""

MIMALLOC = """
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
extern void *mi_malloc(size_t), *mi_zalloc(size_t), *mi_calloc(size_t, size_t), *mi_realloc(void *, size_t);
extern void *mi_malloc_aligned(size_t, size_t), *mi_new(size_t), *mi_new_n(size_t, size_t), *mi_reallocf(void *, size_t);
extern void *mi_reallocn(void *, size_t, size_t), *mi_expand(void *, size_t), *mi_heap_new(void), *mi_heap_malloc(void *, size_t);
extern void *mi_heap_calloc(void *, size_t, size_t), *mi_heap_realloc(void *, void *, size_t), *mi_heap_get_default(void);
extern int mi_posix_memalign(void **, size_t, size_t);
extern void mi_free(void *), mi_free_size(void *, size_t), mi_heap_destroy(void *), mi_heap_delete(void *);
extern char *mi_strdup(const char *), *mi_heap_strndup(void *, const char *, size_t);
__attribute__((noinline)) void give(void)
{
	void *p;
	for (int i = 0; i < 50; i++) {
		mi_free(mi_malloc(100));
		mi_free(mi_zalloc(100));
		mi_free(mi_calloc(10, 10));
		mi_free_size(mi_malloc_aligned(100, 64), 100);
		mi_free(mi_new(100));
		mi_free(mi_new_n(10, 10));
		mi_free(mi_strdup(i % 2 ? "0123456789" "0123456789" "0123456789" : "0"));
		mi_posix_memalign(&p, 64, 100);
		mi_free(p);
		free(mi_malloc(100));
		mi_free(malloc(100));
	}
	mi_malloc(200);
}
__attribute__((noinline)) void grow(void)
{
	for (int i = 0; i < 10; i++) {
		void *p = mi_realloc(mi_realloc(NULL, 100), 5000);
		p = mi_reallocn(p, 60, 100);
		if (mi_expand(p, 1ul << 30) || mi_reallocf(p, 1ul << 62))
			abort();
	}
	mi_expand(mi_malloc(100), 90);
}
__attribute__((noinline)) void heaps(void)
{
	for (int i = 0; i < 20; i++) {
		void *heap = mi_heap_new();
		for (int k = 0; k < 5; k++)
			mi_heap_realloc(heap, mi_heap_calloc(heap, 10, 10), 300);
		mi_free(mi_heap_malloc(heap, 100));
		mi_heap_strndup(heap, "0123456789", 4);
		if (i < 19)
			mi_heap_destroy(heap);
		else
			mi_heap_delete(heap);
	}
}
int main(void)
{
	give();
	grow();
	heaps();
	puts("done");
	return 0;
}
"""


@test(needs="gcc")
def of_tcmalloc(context):
    _, report = _run(context, [_build(context, "app", TCMALLOC, _library("tcmalloc_minimal"))])
    _check(report, "tcmalloc", give=(10 * 50 + 1, 1, 50000 + 200, 200))


@test(needs="gcc")
def of_mimalloc(context):
    """mimalloc's functions; a heap that is destroyed frees its blocks, and one that is deleted gives them to another heap."""
    _, report = _run(context, [_build(context, "app", MIMALLOC, _library("mimalloc"))])
    _check(
        report,
        "mimalloc",
        give=(501, 1, 50 * 900 + 25 * (31 + 2) + 200, 200),
        grow=(32, 1, 10 * (100 + 5000 + 6000) + 190, 90),
        heaps=(20 * 12, 6, 20 * (5 * 400 + 105), 1505),
    )


PROBES = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
extern void *mallocx(size_t, int) __attribute__((weak)), *tc_malloc(size_t) __attribute__((weak));
extern void *mi_malloc(size_t) __attribute__((weak)), *_rjem_mallocx(size_t, int) __attribute__((weak));
__attribute__((noinline)) void by_weak(void) { if (mallocx) for (int i = 0; i < 10; i++) mallocx(100, 0); }
__attribute__((noinline)) void by_name(void *handle)
{
	void *(*found)(size_t, int) = (void *(*)(size_t, int))dlsym(handle, "mallocx");
	for (int i = 0; found && i < 20; i++)
		found(200, 0);
}
int main(void)
{
	static const char *const names[] = {"mallocx", "je_mallocx", "_rjem_mallocx", "tc_malloc", "mi_malloc", "sdallocx"};
	printf("%d %d %d %d\\n", mallocx != NULL, tc_malloc != NULL, mi_malloc != NULL, _rjem_mallocx != NULL);
	for (int i = 0; i < 6; i++) {
		dlerror();
		printf("%s %d", names[i], dlsym(RTLD_DEFAULT, names[i]) != NULL);
		printf(" %d", dlsym(RTLD_NEXT, names[i]) != NULL);
		printf(" %d\\n", dlerror() != NULL);
	}
	by_weak();
	by_name(RTLD_DEFAULT);
	by_name(dlopen(NULL, RTLD_LAZY));
	return 0;
}
"""


@test(needs="gcc")
def probes(context):
    """A program asks whether an allocator is there, by weak symbols and dlsym: it gets the same answer as without us."""
    jemalloc = _library("jemalloc")
    for options in BUILDS:
        for linked in ((), ("-Wl,--no-as-needed", jemalloc)):
            app = _build(context, "app", PROBES, *options, *linked)
            for preload in (LIBRARY, LIBRARY + ":" + jemalloc):
                result, report = _run(context, [app], preload)
                there = bool(linked) or preload != LIBRARY
                found = "mallocx 1 1 0\n" in result.stdout
                check_equal(found, there, f"{options} {linked} {preload}: {result.stdout}")
                # Non-PIE code keeps the answer of the linker.
                weak = 10 if result.stdout.startswith("1") else 0
                wanted = {"by_weak": (weak, weak, weak * 100, weak * 100)}
                wanted["by_name"] = (40, 40, 8000, 8000) if there else (0, 0, 0, 0)
                _check(report, f"{options} {linked} {preload}", **wanted)


# An allocator of its own, beside malloc: small blocks lie side by side, with nothing in front.
LITTLE = """
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
static char *at, *end;
static void *get(size_t bytes)
{
	bytes = (bytes + 7) & ~(size_t)7;
	if ((size_t)(end - at) < bytes) {
		at = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		end = at + (4 << 20);
	}
	at += bytes;
	return at - bytes;
}
void *je_malloc(size_t bytes) { return get(bytes); }
void *je_mallocx(size_t bytes, int flags) { return get(bytes); }
void *je_realloc(void *block, size_t bytes) { return bytes >> 40 ? NULL : get(bytes); }
void je_free(void *block) {}
void je_sdallocx(void *block, size_t bytes, int flags) {}
"""
USER = """
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
extern void *je_malloc(size_t), *je_mallocx(size_t, int), *je_realloc(void *, size_t);
extern void je_free(void *), je_sdallocx(void *, size_t, int);
__attribute__((noinline)) void small(void)
{
	for (int i = 0; i < 1000; i++) {
		void *p = je_malloc(8), *q = je_mallocx(8, 0);
		free(malloc(8));
		je_free(i % 2 ? p : q);
	}
}
__attribute__((noinline)) void grow(void)
{
	for (int i = 0; i < 10; i++) {
		void *p = je_realloc(je_realloc(NULL, 100), 300);
		if (je_realloc(p, 1ul << 50))
			abort();
		if (i)
			je_sdallocx(p, 300, 0);
	}
}
int work(void)
{
	small();
	grow();
	puts("done");
	return 0;
}
"""
HOST = """
#include <dlfcn.h>
#include <stdio.h>
int main(int count, char **words)
{
	for (int i = 0; i < 3; i++) {
		void *plugin = dlopen(words[1], i % 2 ? RTLD_NOW : RTLD_LAZY);
		int (*work)(void) = plugin ? (int (*)(void))dlsym(plugin, "work") : NULL;
		if (!work || work())
			return puts(dlerror());
		dlclose(plugin);
	}
	return 0;
}
"""


@test(needs="gcc")
def beside_malloc(context):
    """An allocator that does not provide malloc is linked, or comes with a plugin, once and again."""
    little = _build(context, "little.so", LITTLE, "-shared", "-fPIC")
    app = _build(context, "app", USER + "int main(void) { return work(); }", little)
    host = _build(context, "host", HOST, "-ldl")
    plugin = _build(context, "plugin.so", USER, "-shared", "-fPIC", little)
    whole = _build(context, "whole.so", USER, "-shared", "-fPIC", "-Wl,--no-as-needed", little, "-Wl,-z,now")
    for command, times in (([app], 1), ([host, plugin], 3), ([host, whole], 3)):
        _, report = _run(context, command)
        _check(
            report,
            str(command),
            small=(3000 * times, 1000 * times, 24000 * times, 8000 * times),
            grow=(20 * times, times, 4000 * times, 300 * times),
        )
    for sample in ("1", "4k"):
        _, report = _run(context, [host, plugin], CTRACE_SAMPLE=sample)
        check_equal((report.losses["unknownFrees"], report.losses["dropped"]), (0, 0), "losses of a sample")
        check(sample != "1" or report.below("grow")["ebk"] == 3, "sampled blocks live at the end")


@test(needs="gcc")
def linked_into_the_program(context):
    """Functions in the program itself cannot be recorded: the report and a line say so. Others are not suspected."""
    little = _build(context, "little.so", LITTLE, "-shared", "-fPIC")
    for options in (("-O2",), ("-rdynamic",), ("-no-pie",)):
        result, report = _run(context, [_build(context, "app", LITTLE + USER + "int main(void) { work(); }", *options)])
        check_equal(result.stderr, LINKED, f"{options}: the line")
        check_equal(report.losses["bypassed"], 5, f"{options}: functions")
    info = context.run([CTRACE, "info", context.path("kept.json")]).check()
    check_in("5 allocator functions not recorded (what they allocate is missing)", info.stdout, "ctrace info")
    # What a program only calls, or calls by such a name, is no allocator.
    like = "int xmalloc(void) { return 0; } int je_malloc_count(void) { return 0; }\n" + USER + "int main(void) { work(); }"
    for source, parts in ((like, [little]), ("char je_malloc[9]; int main(void) { return 0; }", [])):
        result, report = _run(context, [_build(context, "app", source, *parts)])
        check_equal((result.stderr, report.losses["bypassed"]), ("", 0), "nothing is said")


@test(needs="gcc")
def malloc_comes_before_ours(context):
    """jemalloc, preloaded before us, provides malloc: neither that nor mallocx is recorded, and one line says so."""
    library = _library("jemalloc")
    app = _build(context, "app", JEMALLOC, library)
    result, report = _run(context, [app], library + ":" + LIBRARY)
    check_equal(
        result.stderr, f"ctrace: malloc comes from {library}; what it allocates is not recorded\n", "the line"
    )
    check_equal((report.total("tbk"), report.losses["bypassed"]), (0, 1), "blocks, and functions that are not recorded")


MANY = """
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
static char **words;
static void *load(void *unused)
{
	for (int i = 0; i < 200; i++) {
		void *plugin = dlopen(words[1], RTLD_NOW);
		free(malloc(10));
		if (!plugin || !dlsym(plugin, "work") || dlsym(plugin, "none") || dlclose(plugin))
			exit(3);
	}
	return NULL;
}
int main(int count, char **arguments)
{
	pthread_t threads[4];
	words = arguments;
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, load, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
"""


@test(needs="gcc")
def loaded_by_many_threads(context):
    """Threads load and unload the same plugin while others call dlsym."""
    little = _build(context, "little.so", LITTLE, "-shared", "-fPIC")
    plugin = _build(context, "plugin.so", USER, "-shared", "-fPIC", little)
    host = _build(context, "host", MANY, "-pthread", "-ldl")
    _, report = _run(context, [host, plugin])
    _check(report, "plugins", load=(800, 0, 8000, 0))


THROWING = """
#include <dlfcn.h>
#include <new>
#include <stdio.h>
#include <stdlib.h>
extern "C" void *tc_new(size_t);
__attribute__((noinline)) static void by_new()
{
	try {
		char *volatile block = new char[1ul << 46];
		puts(block ? "there is memory" : "none");
	} catch (std::bad_alloc &) {
	}
}
__attribute__((noinline)) static void by_entry()
{
	try {
		puts(tc_new(1ul << 46) ? "there is memory" : "none");
	} catch (std::bad_alloc &) {
	}
}
__attribute__((noinline)) static void in_handler() { free(malloc(77)); throw std::bad_alloc(); }
int main(int, char **words)
{
	void *plugin = dlopen(words[1], RTLD_NOW);
	if (!plugin)
		puts(dlerror());
	dlclose(plugin);
	by_new();
	std::set_new_handler(in_handler);
	for (int i = 0; i < 3; i++) {
		by_new();
		by_entry();
	}
	return 0;
}
"""
LEAVING = """
#include <stdlib.h>
__attribute__((noinline)) void *leave(void) { return malloc(99); }
__attribute__((destructor)) static void last(void) { leave(); }
"""


@test(needs="g++")
def no_frame_of_ours(context):
    """The real function throws or calls back while it is called through ours: its stacks have the program's frames only."""
    plugin = _build(context, "leaving.so", LEAVING, "-shared", "-fPIC")
    context.write("app.cc", THROWING)
    context.run(["g++", "-O1", "-g", "-fno-builtin", "-o", "app", "app.cc", _library("tcmalloc_minimal"), "-ldl"]).check()
    _, report = _run(context, [context.path("app"), plugin])
    # Reading the report has checked that it has no frame of ours.
    exceptions = [site for site in report.sites if "__cxa_allocate_exception" in site.functions()[0]]
    callers = {name for site in exceptions for name in site.functions() if name.startswith("by_")}
    check_equal(callers, {"by_new()", "by_entry()"}, "stacks of exceptions")
    check_equal(sum(site["tbk"] for site in report.leaf("in_handler()")), 6, "blocks of the new handler")
    (leaving,) = [site.functions() for site in report.leaf("leave")]
    check("main" in leaving, f"the stack of a plugin's destructor: {leaving}")
    check_equal((report.losses["unrooted"], report.losses["dropped"]), (0, 0), "losses")
