/* SPDX-License-Identifier: MIT */
/* Every function of the malloc family, with known amounts from separate functions; see tests/e2e/record/programs.py. */
#include <dlfcn.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "site.h"

static volatile size_t huge = PTRDIFF_MAX;

SITE void do_malloc(void)
{
	char *blocks[3];
	for (int i = 0; i < 3; i++) {
		blocks[i] = malloc(100);
		memset(blocks[i], i, 100);
	}
	for (int i = 0; i < 3; i++)
		free(blocks[i]);
}

SITE void do_calloc(void)
{
	char *block = calloc(10, 20);
	for (int i = 0; i < 200; i++)
		if (block[i])
			abort();
	KEEP(block);
}

SITE void do_grow(void)
{
	char *block = malloc(50);
	memset(block, 7, 50);
	block = realloc(block, 500);
	if (block[0] != 7 || block[49] != 7)
		abort();
	block = realloc(block, 100000);
	if (block[49] != 7)
		abort();
	free(block);
}

SITE void do_shrink(void)
{
	char *block = malloc(1000);
	KEEP(block);
	block = realloc(block, 10);
	KEEP(block);
}

SITE void do_realloc_null(void)
{
	void *block = realloc(NULL, 77);
	KEEP(block);
}

SITE void do_realloc_zero(void)
{
	void *block = malloc(33);
	KEEP(block);
	block = realloc(block, 0);
	KEEP(block);
}

SITE void do_failures(void)
{
	void *block = malloc(64);
	KEEP(block);
	if (malloc(huge) || realloc(block, huge) || calloc(huge, 4) || reallocarray(block, huge, 4))
		abort();
	void *aligned = NULL;
	if (posix_memalign(&aligned, 3, 100) == 0 || aligned)
		abort();
	free(block);
}

SITE void do_posix_memalign(void)
{
	void *block = NULL;
	if (posix_memalign(&block, 64, 300) || (uintptr_t)block % 64)
		abort();
	KEEP(block);
}

SITE void do_aligned_alloc(void)
{
	void *block = aligned_alloc(128, 256);
	if (!block || (uintptr_t)block % 128)
		abort();
	KEEP(block);
}

SITE void do_memalign(void)
{
	void *block = memalign(32, 99);
	KEEP(block);
	free(block);
}

SITE void do_valloc(void)
{
	void *block = valloc(5000);
	if ((uintptr_t)block % 4096)
		abort();
	KEEP(block);
	free(block);
}

SITE void do_pvalloc(void)
{
	void *block = pvalloc(5000);
	if ((uintptr_t)block % 4096)
		abort();
	KEEP(block);
	free(block);
}

SITE void do_reallocarray(void)
{
	void *block = reallocarray(NULL, 7, 11);
	KEEP(block);
	block = reallocarray(block, 20, 11);
	KEEP(block);
	free(block);
}

SITE void do_malloc_zero(void)
{
	void *block = malloc(0);
	KEEP(block);
}

/* Functions that glibc has only in some versions, or that programs cannot be linked with. */
SITE void do_other_frees(void)
{
	void (*old_free)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "cfree");
	void (*sized)(void *, size_t) = (void (*)(void *, size_t))dlsym(RTLD_DEFAULT, "free_sized");
	void (*aligned)(void *, size_t, size_t) = (void (*)(void *, size_t, size_t))dlsym(RTLD_DEFAULT, "free_aligned_sized");
	void *block = malloc(11);
	void *second = malloc(12);
	void *third = aligned_alloc(16, 16);
	KEEP(block);
	if (old_free)
		old_free(block);
	else
		free(block);
	if (sized)
		sized(second, 12);
	else
		free(second);
	if (aligned)
		aligned(third, 16, 16);
	else
		free(third);
	free(NULL);
}

/* The process reaches its peak with this 1 MB. */
SITE void do_peak(void)
{
	void *block = malloc(1 << 20);
	if (malloc_usable_size(block) < 1 << 20)
		abort();
	KEEP(block);
	free(block);
}

/* The argument "valgrind" leaves out what Valgrind's tools do not support. */
int main(int argc, char **argv)
{
	int all = argc < 2 || strcmp(argv[1], "valgrind") != 0;

	do_malloc();
	do_calloc();
	do_grow();
	do_shrink();
	do_realloc_null();
	do_realloc_zero();
	do_failures();
	do_posix_memalign();
	do_aligned_alloc();
	do_memalign();
	do_valloc();
	if (all)
		do_pvalloc();
	do_reallocarray();
	do_malloc_zero();
	/* If cfree is not defined, looking it up allocates. */
	if (all)
		do_other_frees();
	do_peak();
	do_malloc();
	return 0;
}
