/* SPDX-License-Identifier: MIT */
/* Built without unwind tables, with frame pointers. */
#include "site.h"

SITE static void bare_inner(void (*work)(void *), void *argument)
{
	char room[64];
	KEEP(room);
	work(argument);
	KEEP(room);
}

void bare_outer(void (*work)(void *), void *argument);

SITE void bare_outer(void (*work)(void *), void *argument)
{
	char room[200];
	KEEP(room);
	bare_inner(work, argument);
	KEEP(room);
}
