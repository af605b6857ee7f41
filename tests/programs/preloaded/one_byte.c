/* SPDX-License-Identifier: MIT */
/*
 * Preloaded before libctrace.so if Valgrind is the oracle. Valgrind counts a block of 0 bytes as one of 1 byte, so
 * this requests 1 byte instead. All functions are jumps, so that no frame of this library is on any stack.
 */
#include <dlfcn.h>
#include <stddef.h>

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);

static void resolve(void)
{
	next_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
	next_calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
}

void *malloc(size_t size)
{
	if (!next_malloc)
		resolve();
	return next_malloc(size ? size : 1);
}

void *calloc(size_t count, size_t size)
{
	if (!next_calloc)
		resolve();
	return count && size ? next_calloc(count, size) : next_calloc(1, 1);
}
