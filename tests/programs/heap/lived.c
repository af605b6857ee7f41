/* SPDX-License-Identifier: MIT */
/*
 * Blocks of known sizes and lifetimes: each function is one site. Lifetimes are at least those of a sleep, or so short
 * that even a busy machine does not take a second for them.
 */
#include <stdlib.h>
#include <time.h>

#include "site.h"

#define LONG_NS 1100000000 /* above a second */

static void wait_long(void)
{
	struct timespec time = {LONG_NS / 1000000000, LONG_NS % 1000000000};
	nanosleep(&time, NULL);
}

SITE static char *allocate_small(int i)
{
	return malloc(16u << i % 3);
}

SITE static char *allocate_large(void)
{
	return malloc(3 << 20);
}

SITE static char *allocate_kept(void)
{
	return malloc(100);
}

SITE static char *allocate_mixed(int i)
{
	return malloc(i ? 200 : 5 << 20);
}

SITE static char *allocate_grown(void)
{
	char *block = malloc(10);
	block = realloc(block, 100);
	return realloc(block, 1000);
}

int main(void)
{
	char *large[5], *grown;
	for (int i = 0; i < 300; i++) {
		char *block = allocate_small(i);
		KEEP(block);
		free(block);
	}
	for (int i = 0; i < 5; i++)
		large[i] = allocate_large();
	for (int i = 0; i < 7; i++)
		KEEP(allocate_kept());
	for (int i = 0; i < 40; i++) {
		char *block = allocate_mixed(i);
		KEEP(block);
		free(block);
	}
	grown = allocate_grown();
	wait_long();
	for (int i = 0; i < 5; i++)
		free(large[i]);
	free(grown);
	return 0;
}
