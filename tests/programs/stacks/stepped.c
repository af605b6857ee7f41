/* SPDX-License-Identifier: MIT */
/*
 * Stops at every instruction (with the processor's trap flag) and allocates in the handler. The code includes
 * prologues, epilogues, PLT stubs, the loader's lazy binding and functions of the C library, and does not allocate
 * itself. With the argument "alternate" the handler runs on an alternate stack.
 */
#include <alloca.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "site.h"

#define TRAP_FLAG 0x100
#define STEPS_MAX 20000

static char alternate[64 << 10];
static int steps;
static jmp_buf home;

SITE static void step_blocks(void)
{
	void *block = malloc(16);
	KEEP(block);
	free(block);
}

static void on_trap(int number, siginfo_t *info, void *context)
{
	ucontext_t *interrupted = context;
	step_blocks();
	if (++steps >= STEPS_MAX)
		interrupted->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
	KEEP(number);
	KEEP(info);
}

/* Set or clear the trap flag. */
void begin_stepping(void);
void end_stepping(void);
__asm__(".text\n"
	".macro change_trap_flag name, operation\n"
	".type \\name, @function\n"
	"\\name:\n"
	".cfi_startproc\n"
	"	pushfq\n"
	".cfi_adjust_cfa_offset 8\n"
	"	\\operation, (%rsp)\n"
	"	popfq\n"
	".cfi_adjust_cfa_offset -8\n"
	"	ret\n"
	".cfi_endproc\n"
	".size \\name, . - \\name\n"
	".endm\n"
	"change_trap_flag begin_stepping, \"orq $0x100\"\n"
	"change_trap_flag end_stepping, \"andq $~0x100\"\n");

SITE static int leaf(int a)
{
	return a * 3 + 1;
}

SITE static int with_room(int a)
{
	char *room = alloca((size_t)a % 100 + 20);
	room[0] = (char)a;
	KEEP(room);
	return leaf(a) + room[0];
}

SITE static int with_aligned_room(int a)
{
	_Alignas(64) char room[64];
	char more[a % 50 + 1];
	room[0] = (char)a;
	KEEP(room);
	KEEP(more);
	return with_room(a) + room[0];
}

SITE static int with_many_registers(int a, int b, int c, int d, int e, int f, int g, int h)
{
	int x = leaf(a), y = leaf(b), z = leaf(c);
	return with_aligned_room(d) + x * y * z + e * f + g * h + leaf(x) + y + z;
}

/* As compilers do it: registers are pushed only on the path that needs them, and the early path returns at once. */
SITE static int with_early_return(int a)
{
	if (a < 5)
		return a;
	int x = leaf(a), y = with_room(a);
	return x * y + with_many_registers(x, y, a, a + 1, a + 2, a + 3, a + 4, a + 5);
}

SITE static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

SITE static int with_library_calls(const char *text)
{
	int numbers[] = {5, 3, 9, 1};
	char copy[64];
	char *end;
	qsort(numbers, 4, sizeof(int), compare);
	strcpy(copy, text);
	long value = strtol(copy, &end, 10);
	return (int)value + numbers[0] + (int)strlen(end) + (getppid() == 0);
}

SITE static int with_jump(int a)
{
	volatile int kept = a;
	if (!setjmp(home))
		longjmp(home, 1);
	return kept;
}

SITE static int all(volatile int *a)
{
	int sum = 0;
	begin_stepping();
	sum += with_early_return(*a - 2);
	sum += with_early_return(*a);
	sum += with_library_calls("123 text");
	sum += with_jump(*a);
	end_stepping();
	return sum;
}

int main(int argc, char **argv)
{
	volatile int a = 6;
	stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
	if (argc > 1 && !strcmp(argv[1], "alternate")) {
		sigaltstack(&stack, NULL);
		action.sa_flags |= SA_ONSTACK;
	}
	sigaction(SIGTRAP, &action, NULL);
	int sum = all(&a);
	printf("%d steps, %d\n", steps, sum);
	return steps < STEPS_MAX ? 0 : 1;
}
