/* SPDX-License-Identifier: MIT */
/* A plugin that allocates, and keeps one block of each round. */
#include <stdlib.h>

#include "plugin.h"
#include "site.h"

SITE void plugin_a_blocks(int round)
{
	void *kept = malloc(100 + (size_t)round);
	void *freed = malloc(1000);
	KEEP(kept);
	free(freed);
}

void plugin_run(int round)
{
	plugin_a_blocks(round);
	KEEP(round);
}
