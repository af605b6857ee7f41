/* SPDX-License-Identifier: MIT */
/*
 * Frames that are hard to unwind: frames of changing size (alloca, variable-length arrays), realigned
 * stacks, many saved registers. Built in several ways; see tests.mk.
 */
#include <alloca.h>
#include <stdlib.h>
#include <string.h>

#include "site.h"

SITE static void frame_blocks(size_t bytes)
{
	void *block = malloc(bytes);
	KEEP(block);
}

SITE static void with_alloca(size_t bytes)
{
	char *room = alloca(bytes);
	memset(room, 1, bytes);
	frame_blocks(10);
	KEEP(room);
}

SITE static void with_array(int count)
{
	int numbers[count];
	memset(numbers, 0, sizeof(numbers));
	frame_blocks(20);
	KEEP(numbers);
}

SITE static void with_realigned_stack(int count)
{
	_Alignas(64) char room[128];
	int numbers[count];
	memset(room, count, sizeof(room));
	if ((size_t)room % 64)
		abort();
	frame_blocks(30);
	with_alloca((size_t)count);
	KEEP(numbers);
	KEEP(room);
}

/* Makes the compiler use every callee-saved register. */
SITE static void with_all_registers(int count)
{
	long a = count, b = count * 2, c = count * 3, d = count * 5, e = count * 7, f = count * 11;
	__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f) : : "rbx", "r12");
	frame_blocks(40);
	KEEP(a + b + c + d + e + f);
}

int main(void)
{
	_Alignas(64) char room[64];
	KEEP(room);
	for (int i = 1; i <= 10; i++) {
		with_alloca((size_t)i * 100);
		with_array(i * 10);
		with_realigned_stack(i);
		with_all_registers(i);
	}
	return 0;
}
