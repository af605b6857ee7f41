/* SPDX-License-Identifier: MIT */
/*
 * Coroutines whose first frame is assembler code without an unwind table, started in five ways, on mapped and on
 * allocated stacks. What the stack and the registers hold is garbage if nothing else is said. Last, the same assembler
 * code is called on the thread's own stack, where it is no root, and hides its callers.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "site.h"

#define STACK_BYTES (64 << 10)
#define GUARD_BYTES 4096
#define ROUNDS 10

static void *fiber_sp, *main_sp;

void switch_to(void **from, void *to);
void planted(void);
void planted_entry(void);
void calling(void);
void calling_from_register(void);
void hiding(void);
__asm__(".text\n"
	"switch_to:\n" /* returns to the address on the new stack */
	".cfi_startproc\n"
	"	push %rbp\n"
	".cfi_adjust_cfa_offset 8\n"
	".cfi_rel_offset %rbp, 0\n"
	"	push %rbx\n"
	".cfi_adjust_cfa_offset 8\n"
	"	push %r12\n"
	".cfi_adjust_cfa_offset 8\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r12\n"
	".cfi_adjust_cfa_offset -8\n"
	"	pop %rbx\n"
	".cfi_adjust_cfa_offset -8\n"
	"	pop %rbp\n"
	".cfi_adjust_cfa_offset -8\n"
	".cfi_restore %rbp\n"
	"	ret\n"
	".cfi_endproc\n"
	/* Without tables. The first jumps, so no call returns to `planted`. */
	"planted_entry:\n"
	"	push %rbx\n"
	"	jmp *%r12\n"
	"planted:\n"
	"	ud2\n"
	"calling:\n"
	"	call fiber_main\n"
	"	ud2\n"
	"calling_from_register:\n"
	"	call *%r12\n"
	"	ud2\n"
	"hiding:\n"
	"	push %rbp\n"
	"	sub $16, %rsp\n"
	"	movq $1, (%rsp)\n"
	"	xor %ebp, %ebp\n"
	"	call hidden_blocks\n"
	"	add $16, %rsp\n"
	"	pop %rbp\n"
	"	ret\n"
	".type switch_to, @function\n"
	".type planted_entry, @function\n"
	".type calling, @function\n"
	".type calling_from_register, @function\n"
	".type hiding, @function\n");

SITE static void fiber_blocks(void)
{
	void *block = malloc(100);
	KEEP(block);
}

SITE void hidden_blocks(void)
{
	void *block = malloc(200);
	KEEP(block);
}

__attribute__((noreturn)) SITE void fiber_main(void)
{
	for (;;) {
		fiber_blocks();
		switch_to(&fiber_sp, main_sp);
	}
}

enum way { PLANTED, CALLED, CALLED_FROM_REGISTER, CALLED_AT_THE_END, ZERO, WAYS };

static void **prepare(enum way way, void **sp, void *garbage)
{
	void *zero = NULL;
	switch (way) {
	case PLANTED: /* as Boost.Context does it */
		*--sp = (void *)planted_entry;
		*--sp = garbage;
		*--sp = (void *)planted;
		*--sp = (void *)fiber_main;
		return sp;
	case CALLED: /* zeroed, as calloc gives it */
	case CALLED_FROM_REGISTER:
		*--sp = zero;
		*--sp = zero;
		*--sp = way == CALLED ? (void *)calling : (void *)calling_from_register;
		*--sp = zero;
		*--sp = zero;
		*--sp = (void *)fiber_main;
		return sp;
	case CALLED_AT_THE_END:
		*--sp = garbage;
		*--sp = garbage;
		*--sp = (void *)calling;
		*--sp = garbage;
		*--sp = garbage;
		*--sp = garbage;
		return sp;
	default: /* no assembler code at all */
		*--sp = zero;
		*--sp = (void *)fiber_main;
		*--sp = garbage;
		*--sp = garbage;
		*--sp = garbage;
		return sp;
	}
}

SITE static void run(enum way way, int mapped)
{
	char *memory = mapped ? mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
			      : malloc(STACK_BYTES);
	memset(memory, 0x55, STACK_BYTES);
	if (mapped)
		mprotect(memory, GUARD_BYTES, PROT_NONE); /* otherwise the kernel would merge the mappings */
	void *garbage = memory - STACK_BYTES;
	uintptr_t top = ((uintptr_t)memory + STACK_BYTES - (mapped ? 0 : 4096)) & ~(uintptr_t)15;
	fiber_sp = prepare(way, (void **)top, garbage);
	for (int i = 0; i < ROUNDS; i++)
		switch_to(&main_sp, fiber_sp);
}

SITE static void run_hiding(void)
{
	for (int i = 0; i < ROUNDS; i++)
		hiding();
}

int main(void)
{
	for (int way = 0; way < WAYS; way++)
		for (int mapped = way == CALLED_AT_THE_END; mapped < 2; mapped++)
			run(way, mapped);
	run_hiding();
	return 0;
}
