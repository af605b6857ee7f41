/* SPDX-License-Identifier: MIT */
/*
 * The upper part of a stack is unmapped while the tracer remembers that stack last. Then code without an unwind table
 * runs on the rest, with a frame pointer that points into the unmapped part.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "site.h"

#define STACK_BYTES 0x40000
#define LEFT_BYTES 0x10000

/* Calls `body` through code without an unwind table, on the stack that ends at top, with this frame pointer. */
void run_on(void *top, void (*body)(void), void *frame_pointer);
__asm__(".text\n"
	".type without_table, @function\n"
	"without_table:\n"
	"	sub $8, %rsp\n"
	"	call *%rsi\n"
	"	add $8, %rsp\n"
	"	ret\n"
	".size without_table, . - without_table\n"
	".type run_on, @function\n"
	"run_on:\n"
	".cfi_startproc\n"
	"	push %rbp\n"
	".cfi_adjust_cfa_offset 8\n"
	".cfi_rel_offset %rbp, 0\n"
	"	push %rbx\n"
	".cfi_adjust_cfa_offset 8\n"
	"	mov %rsp, %rbx\n"
	"	mov %rdi, %rsp\n"
	"	mov %rdx, %rbp\n"
	"	call without_table\n"
	"	mov %rbx, %rsp\n"
	"	pop %rbx\n"
	".cfi_adjust_cfa_offset -8\n"
	"	pop %rbp\n"
	".cfi_adjust_cfa_offset -8\n"
	".cfi_restore %rbp\n"
	"	ret\n"
	".cfi_endproc\n"
	".size run_on, . - run_on\n");

SITE static void remapped_blocks(void)
{
	void *block = malloc(10);
	KEEP(block);
	free(block);
}

static void body(void)
{
	remapped_blocks();
	KEEP(0);
}

int main(void)
{
	char *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	run_on(stack + LEFT_BYTES, body, stack + LEFT_BYTES + 0x8000);
	munmap(stack + LEFT_BYTES, STACK_BYTES - LEFT_BYTES);
	run_on(stack + LEFT_BYTES, body, stack + LEFT_BYTES + 0x8000);
	puts("fine");
	return 0;
}
