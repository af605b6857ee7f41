/* SPDX-License-Identifier: MIT */
#include "sys/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>

#include "sys/region.h"
#include "sys/sys.h"

struct ct_filter {
	struct ct_filter *older;
	uint32_t length; /* 0: it allows nothing */
	struct sock_filter code[BPF_MAXINSNS];
};

static struct ct_filter nothing;

struct ct_filter *ct_filters;

/* The registers and memory of classic BPF. */
struct machine {
	uint32_t a;
	uint32_t x;
	uint32_t memory[BPF_MEMWORDS];
};

static uint32_t calculate(uint32_t operation, uint32_t a, uint32_t b)
{
	switch (operation) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return a / b;
	case BPF_OR:
		return a | b;
	case BPF_AND:
		return a & b;
	case BPF_XOR:
		return a ^ b;
	case BPF_LSH:
		return a << (b & 31);
	case BPF_RSH:
		return a >> (b & 31);
	default: /* BPF_NEG */
		return -a;
	}
}

static bool jumps(uint32_t operation, uint32_t a, uint32_t b)
{
	switch (operation) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	default: /* BPF_JSET */
		return a & b;
	}
}

static uint32_t load(const struct machine *machine, const struct sock_filter *at, const uint32_t *data)
{
	switch (BPF_MODE(at->code)) {
	case BPF_ABS:
		return data[at->k / sizeof(*data) % (sizeof(struct seccomp_data) / sizeof(*data))];
	case BPF_MEM:
		return machine->memory[at->k % BPF_MEMWORDS];
	case BPF_LEN:
		return sizeof(struct seccomp_data);
	default: /* BPF_IMM */
		return at->k;
	}
}

/* What the filter returns. The kernel has verified that it ends and has no other instructions. */
static uint32_t run(const struct ct_filter *filter, const struct seccomp_data *data)
{
	struct machine machine = {0, 0, {0}};
	for (uint32_t i = 0; i < filter->length; i++) {
		const struct sock_filter *at = &filter->code[i];
		uint32_t operand = BPF_SRC(at->code) == BPF_X ? machine.x : at->k;
		switch (BPF_CLASS(at->code)) {
		case BPF_LD:
			machine.a = load(&machine, at, (const uint32_t *)data);
			break;
		case BPF_LDX:
			machine.x = load(&machine, at, (const uint32_t *)data);
			break;
		case BPF_ST:
			machine.memory[at->k % BPF_MEMWORDS] = machine.a;
			break;
		case BPF_STX:
			machine.memory[at->k % BPF_MEMWORDS] = machine.x;
			break;
		case BPF_ALU:
			if (BPF_OP(at->code) == BPF_DIV && !operand)
				return 0;
			machine.a = calculate(BPF_OP(at->code), machine.a, operand);
			break;
		case BPF_JMP:
			if (BPF_OP(at->code) == BPF_JA)
				i += at->k;
			else
				i += jumps(BPF_OP(at->code), machine.a, operand) ? at->jt : at->jf;
			break;
		case BPF_RET:
			return BPF_RVAL(at->code) == BPF_A ? machine.a : at->k;
		default: /* BPF_MISC */
			if (BPF_MISCOP(at->code) == BPF_TAX)
				machine.x = machine.a;
			else
				machine.a = machine.x;
		}
	}
	return SECCOMP_RET_KILL_PROCESS;
}

/*
 * Do the filters allow the call, or fail it with an error? The strictest action decides; as a signed number it is the
 * smallest.
 */
static bool permit(const struct seccomp_data *data)
{
	int32_t strictest = (int32_t)SECCOMP_RET_ALLOW;
	for (const struct ct_filter *filter = ct_get_acquire(&ct_filters); filter; filter = filter->older) {
		int32_t action = (int32_t)(run(filter, data) & SECCOMP_RET_ACTION_FULL);
		if (action < strictest)
			strictest = action;
	}
	return strictest == SECCOMP_RET_ALLOW || strictest == SECCOMP_RET_LOG || strictest == SECCOMP_RET_ERRNO;
}

long ct_syscall_filtered(long number, long a, long b, long c, long d, long e, long f)
{
	const struct seccomp_data data = {
		.nr = (int)number,
		.arch = AUDIT_ARCH_X86_64,
		.args = {(uint64_t)a, (uint64_t)b, (uint64_t)c, (uint64_t)d, (uint64_t)e, (uint64_t)f},
	};
	return permit(&data) ? ct_syscall_unasked(number, a, b, c, d, e, f) : -EPERM;
}

struct ct_filter *ct_sandbox_prepare(void)
{
	return ct_region_map(sizeof(struct ct_filter));
}

static void add(struct ct_filter *filter)
{
	filter->older = ct_get_relaxed(&ct_filters);
	while (!__atomic_compare_exchange_n(&ct_filters, &filter->older, filter, false, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
}

void ct_sandbox_begin(struct ct_filter *filter, const struct sock_fprog *program)
{
	if (!filter && program) {
		ct_sandbox_forbid();
	} else if (program) {
		filter->length = program->len;
		memcpy(filter->code, program->filter, program->len * sizeof(*program->filter));
		add(filter);
	} else if (filter) {
		ct_sys_munmap(filter, sizeof(*filter));
	}
}

void ct_sandbox_forbid(void)
{
	static bool done;
	if (!__atomic_exchange_n(&done, true, __ATOMIC_RELAXED))
		add(&nothing);
}
