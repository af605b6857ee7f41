/* SPDX-License-Identifier: MIT */
/*
 * recursion DEPTH ROUNDS [aside]: two functions begin the same recursion by turns, with the same frames in the same
 * places of the stack. It allocates a block on the way down and one on the way back. aside: on a coroutine's stack.
 */
#include <stdlib.h>

#include "aside.h"
#include "site.h"

SITE static void go(int depth)
{
	free(malloc(10));
	if (depth > 1)
		go(depth - 1);
	free(malloc(20));
	KEEP(depth);
}

SITE static void first(int depth)
{
	go(depth);
	KEEP(depth);
}

SITE static void second(int depth)
{
	go(depth);
	KEEP(depth);
}

/* Far down at once, and only there an allocation. */
SITE static void dive(int depth, int rounds)
{
	if (depth > 1)
		dive(depth - 1, rounds);
	else
		for (int i = 0; i < rounds; i++)
			free(malloc(30));
	KEEP(depth);
}

SITE static void third(int depth, int rounds)
{
	dive(depth, rounds);
	KEEP(depth);
}

SITE static void fourth(int depth, int rounds)
{
	dive(depth, rounds);
	KEEP(depth);
}

static int depth, rounds;

static void begin(void)
{
	for (int i = 0; i < rounds; i++) {
		first(depth);
		second(depth);
		third(depth, 1000);
		fourth(depth, 1000);
	}
}

int main(int argc, char **argv)
{
	depth = argc > 1 ? atoi(argv[1]) : 1000;
	rounds = argc > 2 ? atoi(argv[2]) : 1;
	if (argc > 3)
		run_aside(begin);
	else
		begin();
	return 0;
}
