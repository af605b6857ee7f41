/* SPDX-License-Identifier: MIT */
/* Included by sys/machine.h. Sources: System V ABI, AMD64 supplement; the kernel's asm/sigcontext.h. */
#ifndef CT_SYS_MACHINE_X86_64_H
#define CT_SYS_MACHINE_X86_64_H

#include <stdbool.h>
#include <stdint.h>

/* DWARF numbers of the registers that unwinding needs (AMD64 supplement, figure 3.36). */
#define CT_REG_BP 6
#define CT_REG_SP 7
#define CT_REG_PC 16

/* Where the return address is, relative to the CFA, in bytes. */
#define CT_RETURN_OFFSET (-8)

/* A leaf function may use this much memory below its sp. */
#define CT_RED_ZONE_BYTES 128

/*
 * The interrupted registers in the kernel's signal frame (ucontext_t.uc_mcontext), relative to sp in the trampoline, in
 * bytes.
 */
#define CT_SIGNAL_BP_OFFSET 120
#define CT_SIGNAL_SP_OFFSET 160
#define CT_SIGNAL_PC_OFFSET 168

/* Code without an unwind table is assumed to have a frame pointer: push bp; mov sp, bp. */
#define CT_RULE_NO_TABLE ((struct ct_rule){.cfa = CT_CFA_NO_TABLE, .bp = CT_BP_AT_CFA, .bp_offset = -16})

#define CT_CALL_BYTES_MAX 7

/* Is the instruction that ends here a call? Other bytes may look like one. */
static inline bool ct_machine_is_after_call(const uint8_t *at)
{
	/* By the addressing of an indirect call: displacement of 0, 1 or 4 bytes, or a register. */
	static const uint8_t displacement[] = {0, 1, 4, 0};
	if (at[-5] == 0xe8)
		return true;
	for (int bytes = 2; bytes <= CT_CALL_BYTES_MAX; bytes++) {
		uint8_t mode = at[1 - bytes];
		bool in_register = mode >> 6 == 3, has_index = (mode & 7) == 4 && !in_register;
		bool is_absolute = mode >> 6 == 0 && (mode & 7) == 5;
		bool wide_base = has_index && mode >> 6 == 0 && bytes > 2 && (at[2 - bytes] & 7) == 5;
		int length = 2 + has_index + (is_absolute || wide_base ? 4 : displacement[mode >> 6]);
		if (at[-bytes] == 0xff && (mode >> 3 & 7) == 2 && length == bytes)
			return true;
	}
	return false;
}

/* Whether Valgrind runs the program. It alone knows what this does; for a processor, it is nothing. */
static inline bool ct_machine_is_valgrind(void)
{
	uint64_t request[6] = {0x1001};
	uint64_t result = 0;
	__asm__ volatile("rolq $3, %%rdi\n\trolq $13, %%rdi\n\trolq $61, %%rdi\n\trolq $51, %%rdi\n\txchgq %%rbx, %%rbx"
			 : "+d"(result)
			 : "a"(request)
			 : "cc", "memory");
	return result != 0;
}

#endif
