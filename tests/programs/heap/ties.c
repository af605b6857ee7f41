/* SPDX-License-Identifier: MIT */
/* The same peak is reached several times, by different sites in different ways. The last time counts. */
#include <stdlib.h>

#include "site.h"

SITE static void tie_early(void)
{
	void *block = malloc(1000);
	KEEP(block);
	free(block);
}

/* Two blocks this time: the site reaches its own maximum twice, with different block counts. */
SITE static void tie_two_blocks(void)
{
	for (int blocks = 1; blocks <= 4; blocks *= 2) {
		void *held[4];
		for (int i = 0; i < blocks; i++)
			held[i] = malloc(1000 / (size_t)blocks);
		for (int i = 0; i < blocks; i++)
			free(held[i]);
	}
}

SITE static void tie_by_resize(void)
{
	void *block = malloc(10);
	KEEP(block);
	block = realloc(block, 1000);
	KEEP(block);
	block = realloc(block, 500);
	KEEP(block);
	free(block);
}

/* A resize to the same size reaches the peak again, and changes nothing. */
SITE static void tie_latest(void)
{
	void *block = malloc(900);
	void *other = malloc(100);
	KEEP(block);
	other = realloc(other, 100);
	KEEP(other);
	free(block);
	free(other);
}

SITE static void below_the_tie(void)
{
	void *block = malloc(999);
	KEEP(block);
	free(block);
}

int main(void)
{
	tie_early();
	tie_two_blocks();
	tie_by_resize();
	tie_latest();
	below_the_tie();
	return 0;
}
