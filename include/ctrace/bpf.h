/* SPDX-License-Identifier: MIT */
/*
 * What a seccomp filter answers for a system call. The library asks before each call of its own, and `ctrace attach`
 * before it lets a process make calls. Filters are programs of classic BPF, which the kernel has verified.
 */
#ifndef CTRACE_BPF_H
#define CTRACE_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

/* The registers and memory of classic BPF. */
struct ct_bpf_machine {
	uint32_t a;
	uint32_t x;
	uint32_t memory[BPF_MEMWORDS];
};

static inline uint32_t ct_bpf_calculate(uint32_t operation, uint32_t a, uint32_t b)
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

static inline bool ct_bpf_jumps(uint32_t operation, uint32_t a, uint32_t b)
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

static inline uint32_t ct_bpf_load(const struct ct_bpf_machine *machine, const struct sock_filter *at,
				   const uint32_t *data)
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

/* What a filter returns for a system call. The kernel has verified that it ends and has no other instructions. */
static inline uint32_t ct_bpf_run(const struct sock_filter *code, uint32_t length, const struct seccomp_data *data)
{
	struct ct_bpf_machine machine = {0, 0, {0}};
	for (uint32_t i = 0; i < length; i++) {
		const struct sock_filter *at = &code[i];
		uint32_t operand = BPF_SRC(at->code) == BPF_X ? machine.x : at->k;
		switch (BPF_CLASS(at->code)) {
		case BPF_LD:
			machine.a = ct_bpf_load(&machine, at, (const uint32_t *)data);
			break;
		case BPF_LDX:
			machine.x = ct_bpf_load(&machine, at, (const uint32_t *)data);
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
			machine.a = ct_bpf_calculate(BPF_OP(at->code), machine.a, operand);
			break;
		case BPF_JMP:
			if (BPF_OP(at->code) == BPF_JA)
				i += at->k;
			else
				i += ct_bpf_jumps(BPF_OP(at->code), machine.a, operand) ? at->jt : at->jf;
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

#endif
