/* SPDX-License-Identifier: MIT */
/*
 * Two paths to the same place: inner() is reached with the same stack pointer and return address, directly or
 * through a detour. In both cases the word where the other path has its return address holds the same value.
 * Only the saved frame pointer distinguishes the paths.
 */
#include <alloca.h>
#include <stdlib.h>

#include "site.h"

#define STEP 16
#define ROOM 512

static void (*volatile way)(size_t);

SITE static void inner(size_t bytes)
{
	char *room = alloca(bytes);
	KEEP(room);
	void *block = malloc(70);
	KEEP(block);
	KEEP(room);
}

SITE static void middle(size_t bytes)
{
	char *room = alloca(bytes);
	KEEP(room);
	inner(STEP);
	KEEP(room);
}

SITE static void detour(size_t bytes)
{
	char room[32];
	KEEP(room);
	middle(bytes);
	KEEP(room);
}

SITE static void go(size_t bytes)
{
	way(bytes);
	KEEP(bytes);
}

int main(void)
{
	/* One of these steps compensates for the detour's own frame. */
	for (size_t turn = 0; turn < 2 * ROOM / STEP; turn++) {
		way = turn % 2 ? detour : middle;
		go(turn % 2 ? (turn / 2 + 1) * STEP : ROOM); /* one call for both paths, since everything else must be equal */
	}
	return 0;
}
