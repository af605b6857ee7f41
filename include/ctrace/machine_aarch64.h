/* SPDX-License-Identifier: MIT */
/* Included by ctrace/machine.h, which says what each is. */
#ifndef CTRACE_MACHINE_AARCH64_H
#define CTRACE_MACHINE_AARCH64_H

#include <stdint.h>

#define CT_MACHINE_ELF EM_AARCH64
#define CT_MACHINE_AUDIT AUDIT_ARCH_AARCH64
#define CT_MACHINE_TRIPLET "aarch64-linux-gnu"

#define CT_ADDRESS_BITS 48u

/* Programs are loaded at 0xaaaa..., and their mappings at 0xffff..., or with 39 or 42 bits at the like. */
#define CT_REGION_START 0x480000000000ull

/* Without the tag in the uppermost byte, which the processor ignores (memory tagging, hwasan). */
static inline uintptr_t ct_machine_untagged(uintptr_t address)
{
	return address & 0x00ffffffffffffff;
}

/*
 * The generic timer counts with 1 MHz to 1 GHz, mostly 24 MHz to 100 MHz. Each thread's events have times that rise. So
 * with ticks of 40 ns, a tight loop's times would run ahead of the clock. Shifted, a tick is between 0.46 ns and 0.94
 * ns, which is less than any event takes.
 */
static inline uint64_t ct_machine_counter(void)
{
	uint64_t count, rate;
	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(count));
	__asm__("mrs %0, cntfrq_el0" : "=r"(rate));
	return count << (__builtin_clz((uint32_t)rate | 1) - 1);
}

#endif
