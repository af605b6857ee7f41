/* SPDX-License-Identifier: MIT */
/*
 * Two ways to the same place: inner() is reached with the same stack pointer and return address, directly
 * or by a detour, and in both cases the word where the other way has its return address holds the same
 * value. Only the saved frame pointer tells the ways apart.
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
	/* One of these steps makes up for the detour's own frame. */
	for (size_t turn = 0; turn < 2 * ROOM / STEP; turn++) {
		way = turn % 2 ? detour : middle;
		go(turn % 2 ? (turn / 2 + 1) * STEP : ROOM); /* from one place: all else must be equal */
	}
	return 0;
}
