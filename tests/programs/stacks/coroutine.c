/* SPDX-License-Identifier: MIT */
/* Two coroutines run in turn, one on a mapped stack, one on a stack inside the program's data. */
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "site.h"

#define STACK_BYTES (64 << 10)
#define TURNS 20

static ucontext_t main_context, contexts[2];
static char own_stack[STACK_BYTES];

SITE static void coroutine_blocks(int which)
{
	void *block = malloc(which ? 200 : 100);
	KEEP(block);
	free(malloc(10));
}

SITE static void turn(int which)
{
	coroutine_blocks(which);
	swapcontext(&contexts[which], &contexts[!which]);
	KEEP(which);
}

static void first(void)
{
	for (int i = 0; i < TURNS; i++)
		turn(0);
	swapcontext(&contexts[0], &main_context);
}

static void second(void)
{
	for (;;)
		turn(1);
}

int main(void)
{
	void *mapped = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*const entries[])(void) = {first, second};
	void *const stacks[] = {mapped, own_stack};

	for (int i = 0; i < 2; i++) {
		getcontext(&contexts[i]);
		contexts[i].uc_stack.ss_sp = stacks[i];
		contexts[i].uc_stack.ss_size = STACK_BYTES;
		contexts[i].uc_link = &main_context;
		makecontext(&contexts[i], entries[i], 0);
	}
	swapcontext(&main_context, &contexts[0]);
	coroutine_blocks(0);
	munmap(mapped, STACK_BYTES);
	return 0;
}
