# SPDX-License-Identifier: MIT
"""Under fire: other allocators before and behind us, which pass calls on, fail, shift blocks, or free what is not theirs."""

from lib import dhat, trace
from lib.fire import run_both
from lib.harness import CTRACE, LIBRARY, check, check_equal, check_in, test

NOT_RECORDED = "; what it allocates is not recorded"
LACKS = "; the report lacks what it does not pass on"
BLOCKS = 70
APP = f"""
#include <stdlib.h>
#include <string.h>
__attribute__((noinline)) char *work(size_t bytes)
{{
	char *block = malloc(bytes);
	return memset(block, 1, bytes);
}}
int main(void)
{{
	int sum = 0;
	for (int i = 0; i < {BLOCKS}; i++)
		sum += *work(700);
	return sum != {BLOCKS};
}}
"""

# Mallocs that come before ours. All but the last two let our hooks see each block.
WRAPPERS = {
    "jump": "void *malloc(size_t n) { calls++; return next(n); }",
    "call": "void *malloc(size_t n) { void *p = next(n); calls++; return p; }",
    "helper": "static __attribute__((noinline)) void *help(size_t n) { void *p = next(n); calls++; return p; }\n"
    "void *malloc(size_t n) { void *p = help(n); calls++; return p; }",
    "calloc": "__attribute__((noipa)) void *malloc(size_t n) { void *p = calloc(1, n); calls++; return p; }",
    "aligned": "__attribute__((noipa)) void *malloc(size_t n) { void *p = NULL; calls += posix_memalign(&p, 64, n); return p; }",
    "behind us": "extern void *__libc_malloc(size_t);\nvoid *malloc(size_t n) { calls++; return __libc_malloc(n); }",
    "own": "static char memory[1 << 20]; static size_t used;\n"
    "void *malloc(size_t n) { calls++; used += (n + 31) / 16 * 16; return memory + used - (n + 15) / 16 * 16; }\n"
    "void free(void *p) { (void)p; }\n"
    "void *realloc(void *p, size_t n) { return p ? NULL : malloc(n); }\n"
    "void *calloc(size_t n, size_t size) { return malloc(n * size); }",
}
WRAPPER_HEAD = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
static _Thread_local int inside;
long calls;
static void *next(size_t n)
{
	static void *(*found)(size_t);
	if (!found)
		found = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
	return found(n);
}
"""


def _build(context, name, source, *options):
    context.write(name + ".c", source)
    context.run(["gcc", "-O2", "-g", "-w", "-fno-builtin", "-o", name, name + ".c", *options]).check()
    return context.path(name)


def _blocks(report, function="work"):
    return report.below(function)["tbk"]


def _run(context, command, preload=LIBRARY):
    result = run_both(context, command, preload=preload, CTRACE_OUT=context.path("kept.json"))
    return result, dhat.check_file(context.path("kept.json"))


@test(needs="gcc")
def mallocs_before_ours(context):
    """A malloc of the program, or of a library before us, is said to be unrecorded only if ours never sees its blocks."""
    _build(context, "app", APP)
    for name, code in WRAPPERS.items():
        recorded = name not in ("behind us", "own")
        program = _build(context, "own", WRAPPER_HEAD + code + APP, "-rdynamic")
        library = _build(context, "before.so", WRAPPER_HEAD + code, "-shared", "-fPIC")
        for command, preload in (([program], LIBRARY), ([context.path("app")], library + ":" + LIBRARY)):
            result, report = _run(context, command, preload)
            what = f"{name}, {command} with {preload}"
            check_equal(_blocks(report), BLOCKS if recorded else 0, "blocks: " + what)
            said = NOT_RECORDED in result.stderr
            check(LACKS not in result.stderr, f"{what}: {result.stderr}")
            check_equal(said, not recorded, f"it is said that they are not recorded: {what}: {result.stderr}")
            source = "the program itself" if preload == LIBRARY else library
            check(recorded or "malloc comes from " + source in result.stderr, "where they come from: " + result.stderr)


@test(needs="gcc")
def mallocs_that_may_pass_on(context):
    """Something is recorded, but not by way of the other malloc, as far as the stacks show: the line leaves that open."""
    inlined = WRAPPERS["calloc"].replace("noipa", "always_inline") + APP
    some = WRAPPERS["behind us"] + "\n" + APP.replace("int sum = 0;", "int sum = calloc(3, 3) == NULL;")
    for what, code, blocks in (("inlined", inlined, BLOCKS), ("some", some, 0)):
        result, report = _run(context, [_build(context, "own", WRAPPER_HEAD + code, "-rdynamic")])
        check_equal(result.stderr, "ctrace: malloc comes from the program itself" + LACKS + "\n", what)
        check_equal(_blocks(report), blocks, what)


@test(needs="gcc")
def doctor_on_mallocs(context):
    """ctrace doctor calls a malloc of the program's own a problem only if it has no way to ours."""
    for name, code in WRAPPERS.items():
        head = WRAPPER_HEAD if name != "own" else "#include <stdlib.h>\nlong calls;\n"
        program = _build(context, "own", head + code + APP, "-rdynamic")
        result = context.run([CTRACE, "doctor", program])
        (line,) = [line for line in result.stdout.splitlines() if line.split()[1] == "malloc"]
        problem = name in ("behind us", "own")
        check_equal(line.split()[0], "problem" if problem else "note", f"{name}: {line}")
        check_in("a malloc of its own", line, name)
        check_equal(result.status, 1 if problem else 0, f"{name}: status")


@test(needs="gcc")
def said_once_by_forked_children(context):
    """A forked child of a program with its own malloc does not repeat the line."""
    forks = "int sum = 0; calloc(1, 8); for (int i = 0; i < 3; i++) if (!fork()) return !calloc(1, 8); else wait(0);"
    main = "\n#include <unistd.h>\n#include <sys/wait.h>\n" + APP.replace("int sum = 0;", forks)
    program = _build(context, "own", WRAPPER_HEAD + WRAPPERS["behind us"] + main, "-rdynamic")
    result = context.run([program], env=trace.environment(context)).check()
    check_equal(len(trace.reports(context)), 4, "reports")
    check_equal(result.stderr, "ctrace: malloc comes from the program itself" + LACKS + "\n", "lines")


REALLOC = """
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
__attribute__((noinline)) void *give(size_t n) { void *p = malloc(n); return memset(p, 1, n); }
__attribute__((noinline)) void *grow(void *p, size_t n) { void *q = realloc(p, n); return q; }
__attribute__((noinline)) void *grow_array(void *p, size_t n, size_t m) { void *q = reallocarray(p, n, m); return q; }
int main(void)
{
	struct rlimit room = {256 << 20, 256 << 20};
	char *kept = give(100), *freed = give(200), *later = give(300);
	int failed = 0;
	if (getenv("LIMITED"))
		setrlimit(RLIMIT_AS, &room);
	for (int i = 0; i < 50; i++) {
		failed += !grow(kept, PTRDIFF_MAX - 4096 * i) && errno == ENOMEM;
		failed += !grow(freed, SIZE_MAX - i) && errno == ENOMEM;
		failed += !grow_array(later, SIZE_MAX / 2, 3) && errno == ENOMEM;
	}
	free(freed);
	later = grow(later, 3000); /* works again */
	char *large = give(1 << 20);
	for (size_t n = 2 << 20; getenv("LIMITED") && n; n *= 2) {
		char *moved = grow(large, n);
		if (!moved)
			break;
		large = moved;
	}
	printf("%d %d %d\\n", failed, kept[99], later[299]);
	return 0;
}
"""


@test(needs="gcc")
def realloc_fails(context):
    """A realloc that fails leaves the block as it was: live, with its old size and site."""
    app = _build(context, "app", REALLOC)
    env = trace.environment(context)
    for limited in (None, "1"):
        env = trace.environment(context, LIMITED=limited)
        result = context.run([app], env=env).check()
        check_equal(result.stdout, "150 1 1\n", "output")
        (report,) = trace.reports(context).values()
        sums = report.below("give")
        large = sums["eb"] - 100 - 3000
        check_equal(sums["ebk"], 3, "blocks live at the end")
        check(large & (large - 1) == 0 and (large > 1 << 20) == bool(limited), f"the block that grew until it failed: {large}")
        check_equal(sums["tbk"], 5 + (large >> 20).bit_length() - 1, "blocks, and reallocs that worked")
        for name in ("grow", "grow_array"):
            check_equal(report.below(name)["tbk"], 0, "a block keeps its site: " + name)
        check_equal(report.losses["unknownFrees"], 0, "unknown frees")
        context.run(["rm", report.path]).check()


# An allocator whose aligned blocks begin inside of malloc's, and whose realloc is malloc, copy and free: every call of
# malloc and free in it goes by name, so those of an allocator behind us come to our hooks from inside of a hook.
SHIFTED = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
extern void *__libc_malloc(size_t);
extern void __libc_free(void *);
struct head { void *base; size_t bytes; };
static void *shift(char *base, size_t alignment, size_t n)
{
	if (!base)
		return NULL;
	char *block = (char *)(((uintptr_t)base + sizeof(struct head) + alignment - 1) & -alignment);
	((struct head *)block)[-1] = (struct head){base, n};
	return block;
}
#ifdef BEHIND
static void *get(size_t n) { return __libc_malloc(n); }
static void put(void *p) { __libc_free(p); }
#else
static void *get(size_t n)
{
	static void *(*next)(size_t);
	if (!next)
		next = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
	return next(n);
}
static void put(void *p)
{
	static void (*next)(void *);
	if (!next)
		next = (void (*)(void *))dlsym(RTLD_NEXT, "free");
	next(p);
}
#endif
void *malloc(size_t n) { return shift(get(n + 48), 16, n); }
void free(void *p) { if (p) put(((struct head *)p)[-1].base); }
void *calloc(size_t n, size_t m) { void *p = malloc(n * m); return p ? memset(p, 0, n * m) : p; }
void *aligned_alloc(size_t alignment, size_t n)
{
	void *outer = malloc(n + alignment + sizeof(struct head));
	if (!outer)
		return NULL;
	void *base = ((struct head *)outer)[-1].base;
	return shift(alignment > 16 ? base : outer, alignment > 16 ? alignment : 16, n);
}
void *memalign(size_t alignment, size_t n) { return aligned_alloc(alignment, n); }
int posix_memalign(void **p, size_t alignment, size_t n) { *p = aligned_alloc(alignment, n); return *p ? 0 : ENOMEM; }
void *realloc(void *p, size_t n)
{
	if (!p)
		return malloc(n);
	if (n > PTRDIFF_MAX)
		return NULL;
	void *q = malloc(n);
	size_t old = ((struct head *)p)[-1].bytes;
	if (q) {
		memcpy(q, p, old < n ? old : n);
		free(p);
	}
	return q;
}
"""
ALIGNED = """
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
__attribute__((noinline)) void *aligned(size_t a, size_t n) { void *p = aligned_alloc(a, n); return memset(p, 1, n); }
__attribute__((noinline)) void *plain(size_t n) { void *p = malloc(n); return memset(p, 1, n); }
__attribute__((noinline)) void *grow(void *p, size_t n) { void *q = realloc(p, n); __asm__ volatile("" : : "r"(q) : "memory"); return q; }
int main(void)
{
	void *kept[40];
	int odd = 0;
	for (int i = 0; i < 40; i++) {
		kept[i] = aligned(64u << i % 4, 640);
		odd += (uintptr_t)kept[i] % (64u << i % 4) != 0;
		free(plain(500));
		if (i % 2)
			free(kept[i]);
		else if (i % 4)
			kept[i] = grow(kept[i], 1000);
	}
	odd += grow(kept[0], SIZE_MAX - 100) != NULL;
	printf("%d\\n", odd);
	return 0;
}
"""


@test(needs="gcc")
def aligned_blocks_inside_others(context):
    """An allocator makes aligned blocks by malloc and an offset, and realloc by malloc and free: each block counts once."""
    app = _build(context, "app", ALIGNED)
    behind = _build(context, "behind.so", SHIFTED, "-shared", "-fPIC", "-DBEHIND")
    before = _build(context, "before.so", SHIFTED, "-shared", "-fPIC")
    inside = _build(context, "inside", SHIFTED + ALIGNED, "-rdynamic")
    for what, command, preload in (
        ("glibc", [app], LIBRARY),
        ("behind us", [app], LIBRARY + ":" + behind),
        ("before us", [app], before + ":" + LIBRARY),
        ("in the program", [inside], LIBRARY),
    ):
        result, report = _run(context, command, preload)
        check_equal((result.stdout, result.stderr), ("0\n", ""), what)
        # Ours sees what the allocator before it asks for: room for a head and for the alignment.
        exact = what in ("glibc", "behind us")
        aligned, plain, grown = (report.below(name) for name in ("aligned", "plain", "grow"))
        check_equal((aligned["tbk"] + grown["tbk"], plain["tbk"]), (50, 40), "blocks, " + what)
        check_equal(aligned["ebk"] + grown["ebk"], 20, "live at the end, " + what)
        check_equal(plain["ebk"], 0, "plain blocks live at the end, " + what)
        check_equal(report.losses["unknownFrees"], 0, "unknown frees, " + what)
        if exact:
            check_equal((aligned["tb"], aligned["eb"]), (40 * 640 + 10 * 1000, 10 * 640 + 10 * 1000), "bytes, " + what)


STRANGERS = """
#include <stdlib.h>
#include <string.h>
extern void *__libc_malloc(size_t);
extern void __libc_free(void *);
__attribute__((noinline)) void *ours(size_t n) { void *p = malloc(n); return memset(p, 1, n); }
__attribute__((noinline)) void *theirs(size_t n) { void *p = __libc_malloc(n); return memset(p, 1, n); }
int main(void)
{
	void *kept[30];
	for (int i = 0; i < 30; i++)
		kept[i] = theirs(2000);
	for (int i = 0; i < 30; i++)
		free(kept[i]); /* 30 frees of blocks that we do not know */
	for (int i = 0; i < 30; i++)
		kept[i] = ours(3000);
	for (int i = 0; i < 30; i++)
		__libc_free(kept[i]); /* we do not see these */
	for (int i = 0; i < 30; i++)
		kept[i] = ours(3000); /* the addresses again */
	for (int i = 0; i < 20; i++)
		free(kept[i]);
	void *block = theirs(400);
	block = realloc(block, 5000); /* of a block that we do not know */
	return !block;
}
"""


@test(needs="gcc")
def freed_by_another_allocator(context):
    """Blocks are given by one allocator's functions and freed by another's: what we see of it is exact, the rest counted."""
    app = _build(context, "app", STRANGERS)
    _, report = _run(context, [app])
    ours = report.below("ours")
    check_equal((ours["tbk"], ours["tb"]), (60, 60 * 3000), "blocks that malloc gave")
    check_equal((ours["ebk"], ours["eb"]), (10, 10 * 3000), "live at the end")
    check_equal((ours["gbk"], ours["gb"]), (30, 30 * 3000), "live at the peak: an address is one block")
    check_equal(_blocks(report, "theirs"), 0, "blocks of the other functions")
    main = [site for site in report.leaf("main") if site["tb"] == 5000]
    check_equal([(site["tbk"], site["ebk"]) for site in main], [(1, 1)], "the realloc")
    check_equal(report.losses["unknownFrees"], 31, "frees of blocks that we do not know")


# It may be asked for the size of a block only once it has given one, and only for its own. It has no aligned functions.
TOUCHY = """
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
static char memory[1 << 22] __attribute__((aligned(16)));
static size_t used;
static size_t *head(void *block) { return (size_t *)block - 2; }
void *malloc(size_t n)
{
	char *block = memory + __atomic_fetch_add(&used, (n + 31) & ~(size_t)15, __ATOMIC_RELAXED) + 16;
	*head(block) = n;
	return block;
}
void free(void *p) {}
void *calloc(size_t n, size_t m) { return memset(malloc(n * m), 0, n * m); }
void *realloc(void *p, size_t n) { void *q = malloc(n); return p ? memcpy(q, p, *head(p) < n ? *head(p) : n) : q; }
size_t malloc_usable_size(void *p)
{
	if (!used || (char *)p < memory || (char *)p >= memory + sizeof(memory))
		abort();
	return *head(p) + 5;
}
"""
PAGES = """
#include <malloc.h>
#include <stdlib.h>
__attribute__((noinline)) void pages(void) { void *p; pvalloc(5000); valloc(5000); memalign(64, 5000); posix_memalign(&p, 64, 5000); }
__attribute__((noinline)) void aligned(void) { void *volatile p = aligned_alloc(64, 640); }
__attribute__((noinline)) void plain(void) { void *volatile p = malloc(100); }
int main(void) { plain(); pages(); aligned(); return 0; }
"""


@test(needs="gcc")
def touchy_allocator(context):
    """The next allocator is not asked about blocks before it has given one (mimalloc 3), nor about another's (jemalloc: pvalloc)."""
    app = _build(context, "app", PAGES)
    library = _build(context, "touchy.so", TOUCHY, "-shared", "-fPIC")
    _, report = _run(context, [app], LIBRARY + ":" + library)
    check_equal([_blocks(report, name) for name in ("plain", "pages", "aligned")], [1, 4, 1], "blocks")
    slack = {name: sum(site["slb"] for site in report.leaf(name)) for name in ("plain", "pages")}
    check_equal(slack, {"plain": 5, "pages": 0}, "slack")
    run_both(context, [app], preload=LIBRARY + ":" + library, CTRACE_SAMPLE=100)
