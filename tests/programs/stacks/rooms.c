/* SPDX-License-Identifier: MIT */
/*
 * rooms DEPTH STEPS [aside]: far down in a recursion, four functions take the same ways to an allocation, through
 * frames of very different sizes that are not written to. So two stacks that differ far out are alike in all that lies
 * near, and come right after each other. Each of the four has its own size of block, and its number of blocks is
 * written at the end. aside: on a coroutine's stack.
 */
#include <stdio.h>
#include <stdlib.h>

#include "aside.h"
#include "site.h"

/* Each digit of a way, to the base 4, is a frame; 0 is its end. */
SITE static void go(unsigned way, size_t bytes);

#define ROOM(name, size)                                                                                               \
	SITE static void name(unsigned way, size_t bytes)                                                              \
	{                                                                                                              \
		volatile char room[size];                                                                              \
		room[0] = (char)way;                                                                                   \
		go(way, bytes);                                                                                        \
		KEEP(room);                                                                                            \
	}

ROOM(closet, 16)
ROOM(hall, 40000)
ROOM(palace, 400000)

static void go(unsigned way, size_t bytes)
{
	static void (*const rooms[])(unsigned, size_t) = {NULL, closet, hall, palace};
	if (way)
		rooms[way % 4](way / 4, bytes);
	else
		free(malloc(bytes));
	KEEP(way);
}

#define OUTER(name, bytes)                                                                                             \
	SITE static void name(unsigned way)                                                                            \
	{                                                                                                              \
		go(way, bytes);                                                                                        \
		KEEP(way);                                                                                             \
	}

OUTER(north, 11)
OUTER(south, 12)
OUTER(east, 13)
OUTER(west, 14)

static unsigned draw(unsigned below)
{
	static unsigned state = 1;
	state = state * 1664525 + 1013904223;
	return (state >> 16) % below;
}

SITE static void dive(int depth, unsigned steps)
{
	static void (*const outer[])(unsigned) = {north, south, east, west};
	static unsigned way, step, counts[4];
	if (depth > 1) {
		dive(depth - 1, steps);
		KEEP(depth);
		return;
	}
	while (step < steps) {
		if (step++ % 16 == 0)
			for (int i = way = 0; i < 6; i++)
				way = way * 4 + 1 + draw(3);
		unsigned which = draw(4);
		counts[which]++;
		outer[which](way);
	}
	printf("north %u\nsouth %u\neast %u\nwest %u\n", counts[0], counts[1], counts[2], counts[3]);
}

static int depth;
static unsigned steps;

static void begin(void)
{
	dive(depth, steps);
}

int main(int argc, char **argv)
{
	depth = argc > 1 ? atoi(argv[1]) : 1000;
	steps = argc > 2 ? (unsigned)atoi(argv[2]) : 1000;
	if (argc > 3)
		run_aside(begin);
	else
		begin();
	return 0;
}
