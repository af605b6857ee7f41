/* SPDX-License-Identifier: MIT */
/*
 * A plugin in two shapes, with the same instructions at the same addresses but frames of different sizes. A tracer
 * that uses the rule of one for the other walks into the wrong frame.
 */
#include <stdlib.h>

#include "plugin.h"
#include "site.h"

SITE void plugin_shape_blocks(int round)
{
	char room[ROOM];
	KEEP(room);
	for (int i = 0; i < round; i++)
		free(malloc(100));
	KEEP(room);
}

void plugin_run(int round)
{
	char room[ROOM + 512];
	KEEP(room);
	plugin_shape_blocks(round);
	KEEP(room);
}
