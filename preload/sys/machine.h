/* SPDX-License-Identifier: MIT */
/*
 * What unwinding must know about the processor and its ABI: one file per processor. Each defines the DWARF numbers of
 * the registers, where a call leaves the return address, the kernel's signal frame, and the rule for code without an
 * unwind table. If a call leaves the return address in a register (aarch64), struct ct_rule also needs a value for
 * "still in the register", for leaf functions below a signal frame.
 */
#ifndef CT_SYS_MACHINE_H
#define CT_SYS_MACHINE_H

#ifdef __x86_64__
#include "sys/machine_x86_64.h"
#else
#error "ctrace's unwinder knows x86-64 only"
#endif

#endif
