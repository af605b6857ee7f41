/* SPDX-License-Identifier: MIT */
/* Blocks of 0 to 40 bytes, freed in a different order than they were allocated; some stay. */
#include <stdlib.h>

#include "site.h"

#define HELD 1000

SITE static void replace(void **slot, size_t bytes)
{
	free(*slot);
	*slot = malloc(bytes);
	KEEP(*slot);
}

int main(void)
{
	static void *held[HELD];
	unsigned random = 7;
	for (int i = 0; i < 20000; i++) {
		random = random * 1103515245u + 12345u;
		replace(&held[(random >> 8) % HELD], (random >> 20) % 41);
	}
	for (int i = 0; i < HELD; i += 2)
		free(held[i]);
	return 0;
}
