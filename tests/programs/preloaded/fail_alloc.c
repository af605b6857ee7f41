/* SPDX-License-Identifier: MIT */
/* An allocator to preload, whose allocations fail after the first FAIL_AFTER ones. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *block, size_t bytes);

static long left = 1L << 60;

__attribute__((constructor)) static void begin(void)
{
	const char *after = getenv("FAIL_AFTER");
	if (after)
		left = atol(after);
}

static int fails(void)
{
	if (left-- > 0)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t bytes)
{
	return fails() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
	return fails() ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *block, size_t bytes)
{
	return fails() ? NULL : __libc_realloc(block, bytes);
}

void *reallocarray(void *block, size_t count, size_t bytes)
{
	if (__builtin_mul_overflow(count, bytes, &bytes))
		return NULL;
	return realloc(block, bytes);
}
