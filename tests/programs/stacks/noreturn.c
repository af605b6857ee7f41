/* SPDX-License-Identifier: MIT */
/*
 * A call that does not return is the last instruction of a function, so the return address is the first byte of the
 * next function, whose frame has another size. A tracer that looks up this address uses the wrong rule.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include "site.h"

static jmp_buf home;

SITE static void noreturn_blocks(size_t bytes)
{
	void *block = malloc(bytes);
	KEEP(block);
}

__attribute__((noreturn)) SITE void never_comes_back(void)
{
	noreturn_blocks(10);
	longjmp(home, 1);
}

/* A function that ends with the call, immediately followed by one with a frame of another size. */
__asm__(".text\n"
	".type ends_with_call, @function\n"
	"ends_with_call:\n"
	".cfi_startproc\n"
	"	sub $24, %rsp\n"
	".cfi_def_cfa_offset 32\n"
	"	call never_comes_back\n"
	".cfi_endproc\n"
	".size ends_with_call, . - ends_with_call\n"
	".type behind_the_call, @function\n"
	"behind_the_call:\n"
	".cfi_startproc\n"
	".cfi_def_cfa_offset 4096\n"
	"	ret\n"
	".cfi_endproc\n"
	".size behind_the_call, . - behind_the_call\n");
void ends_with_call(void);

__attribute__((noreturn)) SITE static void compiled_end(int size)
{
	char room[size];
	KEEP(room);
	never_comes_back();
}

__attribute__((noreturn)) SITE static void compiled_end_below(int size)
{
	KEEP(size);
	compiled_end(size);
}

SITE static void behind_compiled_end(void)
{
	char room[3000];
	snprintf(room, sizeof(room), "%d", 1);
	noreturn_blocks(20);
	KEEP(room);
}

int main(void)
{
	for (volatile int i = 0; i < 10; i++) {
		if (!setjmp(home))
			ends_with_call();
		if (!setjmp(home))
			compiled_end_below(i * 100 + 1);
		behind_compiled_end();
	}
	return 0;
}
