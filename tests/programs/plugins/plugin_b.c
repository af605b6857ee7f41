/* SPDX-License-Identifier: MIT */
/* A second plugin of the same size, so that it can be loaded in place of the first. Keeps one block of each round. */
#include <stdlib.h>

#include "plugin.h"
#include "site.h"

SITE void plugin_b_blocks(int round)
{
	void *kept = malloc(100 + (size_t)round);
	void *freed = malloc(2000);
	KEEP(kept);
	free(freed);
}

void plugin_run(int round)
{
	plugin_b_blocks(round);
	KEEP(round);
}
