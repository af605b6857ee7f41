/* SPDX-License-Identifier: MIT */
/*
 * Counts what the allocator does, and prints a line for each function: moves, bytes copied by them, slack, smallest
 * and largest size.
 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "site.h"

struct counts {
	uint64_t moves, copied, slack, smallest, largest;
};

static void count(struct counts *counts, void *block, size_t bytes)
{
	counts->slack += malloc_usable_size(block) - bytes;
	if (!counts->smallest || bytes < counts->smallest)
		counts->smallest = bytes;
	if (bytes > counts->largest)
		counts->largest = bytes;
}

static void tell(const char *function, const struct counts *counts)
{
	printf("%s %lu %lu %lu %lu %lu\n", function, counts->moves, counts->copied, counts->slack, counts->smallest,
	       counts->largest);
}

SITE void grow(void)
{
	struct counts counts = {0};
	char *block = malloc(24);
	size_t old = 24;
	count(&counts, block, old);
	for (size_t bytes = 100; bytes < 3000000; bytes += bytes / 2 + 1) {
		uintptr_t before = (uintptr_t)block;
		block = realloc(block, bytes);
		if ((uintptr_t)block != before) {
			counts.moves++;
			counts.copied += old;
		}
		count(&counts, block, bytes);
		old = bytes;
	}
	char *shrunk = realloc(block, 40);
	counts.moves += shrunk != block;
	counts.copied += shrunk != block ? 40 : 0;
	count(&counts, shrunk, 40);
	free(shrunk);
	tell("grow", &counts);
}

SITE void one_size(void)
{
	struct counts counts = {0};
	for (int i = 0; i < 100; i++) {
		void *block = malloc(41);
		count(&counts, block, 41);
		KEEP(block);
		free(block);
	}
	tell("one_size", &counts);
}

SITE void aligned(void)
{
	struct counts counts = {0};
	for (size_t bytes = 1; bytes < 200000; bytes += bytes) {
		void *block = aligned_alloc(64, bytes * 64);
		count(&counts, block, bytes * 64);
		free(block);
	}
	tell("aligned", &counts);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	grow();
	one_size();
	aligned();
	return 0;
}
