/* SPDX-License-Identifier: MIT */
/* Included by ctrace/machine.h, which says what each is. */
#ifndef CTRACE_MACHINE_X86_64_H
#define CTRACE_MACHINE_X86_64_H

#include <stdint.h>

#define CT_MACHINE_ELF EM_X86_64
#define CT_MACHINE_AUDIT AUDIT_ARCH_X86_64
#define CT_MACHINE_TRIPLET "x86_64-linux-gnu"

#define CT_ADDRESS_BITS 47u

/*
 * Programs are loaded at 0x55..., and their mappings at 0x7f.... Programs that choose random addresses, such as node,
 * choose them below 2^46.
 */
#define CT_REGION_START 0x480000000000ull

static inline uintptr_t ct_machine_untagged(uintptr_t address)
{
	return address;
}

static inline uint64_t ct_machine_counter(void)
{
	return __builtin_ia32_rdtsc();
}

#endif
