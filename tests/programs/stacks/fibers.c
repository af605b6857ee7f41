/* SPDX-License-Identifier: MIT */
/*
 * Coroutines that are switched by the program's own assembly code, as in games and language runtimes. Many run in
 * turns, on mapped and on allocated stacks. Half of them end at a return address of 0, half in a trampoline whose
 * unwind table says so. Some stacks are unmapped while the tracer remembers them last, and a stack of another size
 * takes their place.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "site.h"

#define FIBERS 24
#define TURNS 12
#define STACK_BYTES (64 << 10)
#define GUARD_BYTES 4096

struct fiber {
	void *sp; /* the stack pointer while the fiber does not run */
	char *memory;
	size_t bytes;
	int mapped;
	int turns;
};

static struct fiber fibers[FIBERS];
static struct fiber *running;
static void *main_sp;

/* Saves the callee-saved registers, stores sp in *from and continues on the stack `to`. */
void switch_stack(void **from, void *to);
void fiber_trampoline(void);
__asm__(".text\n"
	".type switch_stack, @function\n"
	"switch_stack:\n"
	".cfi_startproc\n"
	"	push %rbp\n"
	".cfi_adjust_cfa_offset 8\n"
	".cfi_rel_offset %rbp, 0\n"
	"	push %rbx\n"
	".cfi_adjust_cfa_offset 8\n"
	"	push %r12\n"
	".cfi_adjust_cfa_offset 8\n"
	"	push %r13\n"
	".cfi_adjust_cfa_offset 8\n"
	"	push %r14\n"
	".cfi_adjust_cfa_offset 8\n"
	"	push %r15\n"
	".cfi_adjust_cfa_offset 8\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n"
	".cfi_adjust_cfa_offset -8\n"
	"	pop %r14\n"
	".cfi_adjust_cfa_offset -8\n"
	"	pop %r13\n"
	".cfi_adjust_cfa_offset -8\n"
	"	pop %r12\n"
	".cfi_adjust_cfa_offset -8\n"
	"	pop %rbx\n"
	".cfi_adjust_cfa_offset -8\n"
	"	pop %rbp\n"
	".cfi_adjust_cfa_offset -8\n"
	".cfi_restore %rbp\n"
	"	ret\n"
	".cfi_endproc\n"
	".size switch_stack, . - switch_stack\n"
	".type fiber_trampoline, @function\n"
	"fiber_trampoline:\n"
	".cfi_startproc\n"
	".cfi_undefined %rip\n"
	"	call fiber_main\n"
	"	ud2\n"
	".cfi_endproc\n"
	".size fiber_trampoline, . - fiber_trampoline\n");

SITE static void fiber_blocks(size_t bytes)
{
	void *block = malloc(bytes);
	KEEP(block);
	free(malloc(10));
}

SITE static void fiber_turn(int depth)
{
	if (depth) {
		fiber_turn(depth - 1);
		KEEP(depth);
		return;
	}
	fiber_blocks(100);
	switch_stack(&running->sp, main_sp);
	fiber_blocks(200);
}

__attribute__((noreturn)) SITE void fiber_main(void)
{
	for (int i = 0;; i++) {
		fiber_turn(i % 5);
		KEEP(i);
	}
}

static void start(struct fiber *fiber, int number, size_t bytes)
{
	fiber->bytes = bytes;
	fiber->mapped = number % 3 != 0;
	if (fiber->mapped) {
		fiber->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		mprotect(fiber->memory, GUARD_BYTES, PROT_NONE);
	} else {
		fiber->memory = malloc(bytes);
		memset(fiber->memory, number, bytes); /* so that no word is 0 by chance */
	}
	uintptr_t top = ((uintptr_t)fiber->memory + bytes) & ~(uintptr_t)15;
	void **sp = (void **)top;
	*--sp = NULL; /* fiber_main's return address: 8 below a multiple of 16 */
	if (number % 2) {
		*--sp = (void *)fiber_main;
	} else {
		*--sp = (void *)-1; /* not an address of code */
		*--sp = (void *)fiber_trampoline;
	}
	for (int i = 0; i < 6; i++)
		*--sp = NULL;
	fiber->sp = sp;
	fiber->turns = 0;
}

SITE static void end_fiber(struct fiber *fiber)
{
	if (fiber->mapped)
		munmap(fiber->memory, fiber->bytes);
	else
		free(fiber->memory);
	fiber_blocks(300);
}

SITE static void resume(struct fiber *fiber)
{
	running = fiber;
	switch_stack(&main_sp, fiber->sp);
	fiber->turns++;
}

int main(void)
{
	for (int i = 0; i < FIBERS; i++)
		start(&fibers[i], i, STACK_BYTES);
	for (int turn = 0; turn < TURNS; turn++) {
		for (int i = 0; i < FIBERS; i++) {
			resume(&fibers[i]);
			if (i % 5 == turn % 5) {
				end_fiber(&fibers[i]);
				start(&fibers[i], i + turn, turn % 2 ? STACK_BYTES / 4 : STACK_BYTES * 2);
				resume(&fibers[i]);
			}
		}
		fiber_blocks(400);
	}
	return 0;
}
