/* SPDX-License-Identifier: MIT */
/*
 * Compares our interpreter of seccomp filters with the kernel. Filters of random instructions kill for a call or allow
 * it. Each is installed in a child, with a refusal instead of the kill, and tried with random arguments.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/sandbox.h"
#include "sys/sys.h"

#define FILTERS 1500
#define CALLS 24
#define BODY 30 /* random instructions */
#define SLOTS 4 /* of the filter's memory */
#define FIRST_ARGUMENT 16 /* the words before it say where the call comes from, which we do not know */
#define NO_CALL 999 /* a number that no call of the kernel has */

enum { OURS, KERNELS, VERDICTS };

struct filter {
	struct sock_filter code[BODY + SLOTS + 8];
	unsigned short length;
};

static unsigned pick(unsigned below)
{
	return (unsigned)random() % below;
}

static void add(struct filter *filter, struct sock_filter instruction)
{
	filter->code[filter->length++] = instruction;
}

/* left: how many instructions follow; no jump may go beyond the end. */
static struct sock_filter random_instruction(unsigned left)
{
	static const unsigned short modes[] = {BPF_ABS, BPF_ABS, BPF_IMM, BPF_MEM, BPF_LEN};
	static const unsigned short operations[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR,
						    BPF_AND, BPF_XOR, BPF_LSH, BPF_RSH, BPF_NEG};
	static const unsigned short tests[] = {BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET};
	unsigned short source = pick(2) ? BPF_X : BPF_K;
	unsigned short operation, mode;
	unsigned most = left > 3 ? 3 : left;
	switch (pick(8)) {
	case 0:
	case 1:
		mode = modes[pick(5)];
		return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | mode, mode == BPF_ABS
										   ? FIRST_ARGUMENT + pick(12) * 4
									   : mode == BPF_MEM ? pick(SLOTS)
									   : mode == BPF_LEN ? 0
											     : pick(1000));
	case 2:
		mode = modes[2 + pick(3)];
		return (struct sock_filter)BPF_STMT(BPF_LDX | BPF_W | mode, mode == BPF_MEM   ? pick(SLOTS)
									    : mode == BPF_LEN ? 0
											      : pick(40));
	case 3:
		return (struct sock_filter)BPF_STMT(pick(2) ? BPF_ST : BPF_STX, pick(SLOTS));
	case 4:
		return (struct sock_filter)BPF_STMT(BPF_MISC | (pick(2) ? BPF_TAX : BPF_TXA), 0);
	case 5:
		if (pick(4) == 0)
			return (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, pick(most + 1));
		return (struct sock_filter)BPF_JUMP(BPF_JMP | tests[pick(4)] | source, pick(100), pick(most + 1),
						    pick(most + 1));
	default:
		operation = operations[pick(10)];
		return (struct sock_filter)BPF_STMT(BPF_ALU | operation | (operation == BPF_NEG ? BPF_K : source),
						    1 + pick(30));
	}
}

static void make_filter(struct filter *filter, uint32_t verdict)
{
	filter->length = 0;
	add(filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
	add(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ, NO_CALL, 1, 0));
	add(filter, (struct sock_filter)BPF_STMT(BPF_RET, SECCOMP_RET_ALLOW));
	for (unsigned i = 0; i < SLOTS; i++)
		add(filter, (struct sock_filter)BPF_STMT(BPF_ST, i));
	for (unsigned i = 0; i < BODY; i++)
		add(filter, random_instruction(BODY - 1 - i));
	add(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET, 5, 0, 1));
	add(filter, (struct sock_filter)BPF_STMT(BPF_RET, SECCOMP_RET_ALLOW));
	add(filter, (struct sock_filter)BPF_STMT(BPF_RET, verdict));
}

static long argument(unsigned call, unsigned i)
{
	return (long)((call * 6 + i + 1) * 0x9e3779b97f4a7c15ull >> (call % 60));
}

/* Runs in a child. 1: refused, 2: not refused. If the kernel kills, the value stays 0. */
static void ask(unsigned seed, uint8_t (*told)[VERDICTS])
{
	struct filter filter;
	struct sock_fprog program = {.filter = filter.code};
	srandom(seed);
	make_filter(&filter, SECCOMP_RET_KILL_PROCESS);
	program.len = filter.length;
	ct_sandbox_begin(ct_sandbox_prepare(), &program);
	for (unsigned i = 0; i < CALLS; i++)
		told[i][OURS] = ct_syscall6(NO_CALL, argument(i, 0), argument(i, 1), argument(i, 2), argument(i, 3),
					    argument(i, 4), argument(i, 5)) == -EPERM
					? 1
					: 2;
	filter.code[filter.length - 1].k = SECCOMP_RET_ERRNO | EPERM;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(1);
	for (unsigned i = 0; i < CALLS; i++)
		told[i][KERNELS] = syscall(NO_CALL, argument(i, 0), argument(i, 1), argument(i, 2), argument(i, 3),
					   argument(i, 4), argument(i, 5)) < 0 &&
						   errno == EPERM
					   ? 1
					   : 2;
	_exit(0);
}

static void test_random_filters(void **state)
{
	uint8_t(*told)[VERDICTS] =
		mmap(NULL, CALLS * VERDICTS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned verdicts[3] = {0, 0, 0};
	(void)state;

	for (unsigned seed = 1; seed <= FILTERS; seed++) {
		int status;
		pid_t child;

		memset(told, 0, CALLS * VERDICTS);
		/* Not fork: a sanitizer's thread would survive, since a division by zero kills only one thread. */
		child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
		if (child == 0)
			ask(seed, told);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(status == 0 || WIFSIGNALED(status));
		for (unsigned i = 0; i < CALLS; i++) {
			if (told[i][OURS] != (told[i][KERNELS] == 2 ? 2 : 1))
				fail_msg("filter %u, call %u: ours %u, the kernel's %u", seed, i, told[i][OURS],
					 told[i][KERNELS]);
			verdicts[told[i][KERNELS]]++;
			if (!told[i][KERNELS]) /* killed */
				break;
		}
	}
	/* All three verdicts occurred often. */
	for (unsigned i = 0; i < 3; i++)
		assert_true(verdicts[i] > 50);
	munmap(told, CALLS * VERDICTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_filters)};
	return cmocka_run_group_tests_name("preload_sandbox", tests, NULL, NULL);
}
