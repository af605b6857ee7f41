/* SPDX-License-Identifier: MIT */
/*
 * Blocks whose resident pages are known. Each step prints a line and waits for one on stdin, so that a test can look at
 * the process in between. The line has the bytes that malloc has given out in arenas, with its own words, as malloc
 * counts them.
 *
 *   pages touch       blocks that are written to as a whole, in part and not at all
 *   pages pins        small blocks of three functions, on the pages of large ones that are freed
 *   pages classes     blocks whose slack other allocators' size classes say; first the bytes of them that can be used
 *   pages protect     blocks with parts that the program has protected
 *   pages threads     blocks in the arenas of threads, and threads that use a known part of their stacks
 */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "site.h"

#define MIB ((size_t)1 << 20)
#define PAGE 4096
#define PINS 2000

static void *volatile kept[8];
static char *pins[3][PINS], *filler[PINS];

static void step(const char *name)
{
	char line[16];
	struct mallinfo2 info = mallinfo2();
	printf("%s %zu\n", name, info.uordblks);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		exit(0);
}

SITE void *make_whole(void)
{
	return memset(malloc(8 * MIB), 1, 8 * MIB);
}

/* Every fourth page of 8 MiB. */
SITE void *make_some(void)
{
	char *block = malloc(8 * MIB);
	for (size_t at = 0; at < 8 * MIB; at += 4 * PAGE)
		block[at] = 1;
	return block;
}

SITE void *make_none(void)
{
	return malloc(8 * MIB);
}

SITE void *make_zeros(void)
{
	return calloc(8, MIB);
}

/* Its mapping is divided in its middle, since the halves differ in what happens to them at a fork. */
SITE void *make_split(void)
{
	char *block = memset(malloc(8 * MIB), 1, 8 * MIB);
	char *middle = block + 4 * MIB - (size_t)block % PAGE;
	if (madvise(middle, 4 * MIB, MADV_DONTFORK))
		exit(1);
	return block;
}

SITE void *make_small(void)
{
	char **list = calloc(10000, sizeof(*list));
	for (int i = 0; i < 10000; i++)
		list[i] = memset(malloc(100), 1, 100);
	return list;
}

static void touch(void)
{
	char *zeros;
	kept[0] = make_whole();
	kept[1] = make_some();
	kept[2] = make_none();
	kept[3] = zeros = make_zeros();
	kept[4] = make_small();
	kept[6] = make_split();
	for (size_t at = 0, sum = 0; at < 8 * MIB; at += PAGE) /* reading makes no page of its own */
		kept[5] = (void *)(sum += (size_t)zeros[at]);
	step("ready");
}

SITE char *make_first(void)
{
	return memset(malloc(40), 1, 40);
}

SITE char *make_second(void)
{
	return memset(malloc(40), 1, 40);
}

SITE char *make_alone(void)
{
	return memset(malloc(40), 1, 40);
}

SITE char *make_filler(void)
{
	return memset(malloc(2 * PAGE), 1, 2 * PAGE);
}

static void release(int which)
{
	for (int i = 0; i < PINS; i++)
		free(pins[which][i]);
	malloc_trim(0);
}

/* `first` and `second` lie on the same pages; `alone` has other pages for itself. */
static void pin(void)
{
	mallopt(M_MMAP_THRESHOLD, 64 * 1024);
	for (int i = 0; i < PINS; i++) {
		if (i % 2) {
			pins[0][i] = make_first();
			pins[1][i] = make_second();
		} else {
			pins[2][i] = make_alone();
		}
		filler[i] = make_filler();
	}
	for (int i = 0; i < PINS; i++)
		free(filler[i]);
	malloc_trim(0);
	step("ready");
	release(2);
	step("alone");
	release(0);
	step("first");
	release(1);
	step("second");
}

SITE void *make_in_thread(void)
{
	return memset(malloc(MIB / 16), 1, MIB / 16);
}

static pthread_barrier_t barrier;

static void *work(void *unused)
{
	char stack[MIB];
	memset(stack, 1, sizeof(stack));
	for (int i = 0; i < 16; i++)
		kept[7] = make_in_thread();
	kept[6] = stack;
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return unused;
}

static void threads(void)
{
	pthread_t ids[4];
	pthread_barrier_init(&barrier, NULL, 5);
	for (int i = 0; i < 4; i++)
		pthread_create(&ids[i], NULL, work, NULL);
	pthread_barrier_wait(&barrier);
	step("ready");
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 4; i++)
		pthread_join(ids[i], NULL);
}

/* Each depth is a site. */
SITE void *make_deep(int depth, size_t bytes)
{
	void *block = depth ? make_deep(depth - 1, bytes) : malloc(bytes);
	KEEP(block);
	return block;
}

/* A site whose freed blocks had no slack, and whose live ones have much. */
SITE void *make_sized(size_t bytes)
{
	void *block = malloc(bytes);
	return memset(block, 1, malloc_usable_size(block));
}

static void classes(void)
{
	size_t usable = 0;
	for (int depth = 0; depth < 12; depth++)
		free(make_deep(depth, 40 + 100 * (size_t)depth));
	for (int i = 0; i < 120000; i++) {
		size_t bytes = i < 100000 ? 64 : 1030 + (size_t)i % 50;
		KEEP(bytes); /* one call for both, so that it is one site */
		void *block = make_sized(bytes);
		KEEP(block);
		if (i < 100000)
			free(block);
		else
			usable += malloc_usable_size(kept[0] = block);
	}
	printf("%zu ", usable);
	step("ready");
}

/* Parts of a block that the program has protected, one of them from reading too. */
SITE char *make_protected(void)
{
	char *block = aligned_alloc(PAGE, MIB);
	memset(block, 1, MIB);
	if (mprotect(block + MIB / 4, MIB / 8, PROT_NONE) || mprotect(block + MIB / 2, MIB / 8, PROT_READ))
		exit(1);
	return block;
}

static void protect(void)
{
	for (int i = 0; i < 8; i++)
		kept[i] = make_protected();
	step("ready");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (!strcmp(what, "touch"))
		touch();
	else if (!strcmp(what, "pins"))
		pin();
	else if (!strcmp(what, "threads"))
		threads();
	else if (!strcmp(what, "classes"))
		classes();
	else if (!strcmp(what, "protect"))
		protect();
	return 0;
}
