/* SPDX-License-Identifier: MIT */
/*
 * Leaves frames by longjmp and returns to the same depth on another path, so a stack that a tracer remembered
 * before the jump is no longer valid.
 */
#include <setjmp.h>
#include <stdlib.h>

#include "site.h"

static jmp_buf home;
static volatile int jumping = 1; /* otherwise the compiler warns of an endless recursion */

SITE static void jump_blocks(size_t bytes)
{
	void *block = malloc(bytes);
	KEEP(block);
}

SITE static void down_and_jump(int depth)
{
	if (depth) {
		down_and_jump(depth - 1);
		KEEP(depth);
		return;
	}
	jump_blocks(30);
	if (jumping)
		longjmp(home, 1);
}

SITE static void left(int depth)
{
	if (depth)
		left(depth - 1);
	else
		jump_blocks(31);
	KEEP(depth);
}

SITE static void right(int depth)
{
	if (depth)
		right(depth - 1);
	else
		jump_blocks(32);
	KEEP(depth);
}

int main(void)
{
	for (volatile int i = 0; i < 20; i++) {
		if (!setjmp(home))
			down_and_jump(i);
		left(i);
		right(i);
	}
	return 0;
}
