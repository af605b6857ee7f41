/* SPDX-License-Identifier: MIT */
/*
 * What unwinding has to know of the processor and its ABI: one file each. A new one gives the registers'
 * DWARF numbers, where a call leaves the return address, the kernel's signal frame, and the rule for code
 * without unwind table. Where a call leaves the return address in a register (aarch64) struct ct_rule also
 * needs a word for "still in the register", for leaf functions below a signal frame.
 */
#ifndef CT_SYS_MACHINE_H
#define CT_SYS_MACHINE_H

#ifdef __x86_64__
#include "sys/machine_x86_64.h"
#else
#error "ctrace's unwinder knows x86-64 only"
#endif

#endif
