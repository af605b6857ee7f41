/* SPDX-License-Identifier: MIT */
/*
 * Several thousand blocks of 0 bytes to 60 KiB, some of which are kept to the end, and one clear peak. (With many similar
 * moments, the highest would be too high in any sample.) Every run is the same.
 */
#include <stdlib.h>

#include "site.h"

#define BLOCKS 20000
#define HELD 700
#define PEAK_BLOCKS 4000

static void *held[HELD];

SITE static void put(unsigned slot, size_t bytes)
{
	free(held[slot]);
	held[slot] = malloc(bytes);
}

SITE static void grow(unsigned slot, size_t bytes)
{
	held[slot] = realloc(held[slot], bytes);
}

SITE static void peak(void)
{
	static void *blocks[PEAK_BLOCKS];
	for (int i = 0; i < PEAK_BLOCKS; i++)
		blocks[i] = malloc(100 + (unsigned)i % 700);
	for (int i = 0; i < PEAK_BLOCKS; i++)
		free(blocks[i]);
}

int main(void)
{
	unsigned random = 1;
	for (int i = 0; i < BLOCKS; i++) {
		random = random * 1103515245u + 12345u;
		unsigned slot = (random >> 8) % HELD;
		size_t bytes = (random >> 12) % (i % 100 ? 300 : 60000);
		if (i % 50 == 7)
			bytes = 0;
		if (i % 5 || !bytes)
			put(slot, bytes);
		else
			grow(slot, bytes);
	}
	peak();
}
