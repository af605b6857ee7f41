/* SPDX-License-Identifier: MIT */
/*
 * The least that any preloaded tracer can cost: each call is passed on to the next definition, and nothing else
 * happens. With -DUNWIND each allocation also takes libunwind's backtrace and discards it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES 512

static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void *(*reallocarray)(void *, size_t, size_t);
	void (*free)(void *);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	void *(*memalign)(size_t, size_t);
} real;

/* Memory for dlsym, which may allocate before it has returned the allocator to us. */
static char early[1 << 14] __attribute__((aligned(16)));
static size_t early_used;
static bool finding;

static void *early_alloc(size_t bytes)
{
	size_t at = early_used;
	early_used += (bytes + 15) & ~(size_t)15;
	return early_used <= sizeof(early) ? early + at : NULL;
}

static bool is_early(void *block)
{
	return (uintptr_t)block - (uintptr_t)early < sizeof(early);
}

static bool find(void)
{
	if (finding)
		return false;
	finding = true;
#define FIND(name) real.name = dlsym(RTLD_NEXT, #name)
	FIND(calloc), FIND(realloc), FIND(reallocarray), FIND(free), FIND(posix_memalign);
	FIND(aligned_alloc), FIND(memalign), FIND(malloc);
	return true;
}

#define FOUND() (__builtin_expect(real.malloc != NULL, 1) || find())

#ifdef UNWIND
static int (*backtrace)(void **, int);
static __thread bool inside __attribute__((tls_model("initial-exec")));

/* Local: in the global scope libunwind would take over the program's C++ exceptions. */
__attribute__((constructor)) static void load_libunwind(void)
{
	void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
	backtrace = library ? (int (*)(void **, int))dlsym(library, "unw_backtrace") : NULL;
	if (!backtrace)
		dprintf(2, "libunwind.so.8 cannot be loaded\n");
}

static void *seen(void *block)
{
	void *frames[FRAMES];
	if (inside || !backtrace)
		return block;
	int error = errno;
	inside = true;
	backtrace(frames, FRAMES);
	inside = false;
	errno = error;
	return block;
}
#else
#define seen(block) (block)
#endif

void *malloc(size_t bytes)
{
	return FOUND() ? seen(real.malloc(bytes)) : early_alloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
	return FOUND() ? seen(real.calloc(count, bytes)) : early_alloc(count * bytes);
}

void *realloc(void *block, size_t bytes)
{
	if (!FOUND() || is_early(block)) {
		void *copy = malloc(bytes);
		size_t left = (size_t)(early + sizeof(early) - (char *)block);
		return copy && block ? memcpy(copy, block, bytes < left ? bytes : left) : copy;
	}
	return seen(real.realloc(block, bytes));
}

void *reallocarray(void *block, size_t count, size_t bytes)
{
	return FOUND() ? seen(real.reallocarray(block, count, bytes)) : NULL;
}

void free(void *block)
{
	if (!is_early(block) && FOUND())
		real.free(block);
}

int posix_memalign(void **block, size_t alignment, size_t bytes)
{
	int error = FOUND() ? real.posix_memalign(block, alignment, bytes) : ENOMEM;
	if (!error)
		(void)seen(*block);
	return error;
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	return FOUND() ? seen(real.aligned_alloc(alignment, bytes)) : NULL;
}

void *memalign(size_t alignment, size_t bytes)
{
	return FOUND() ? seen(real.memalign(alignment, bytes)) : NULL;
}
