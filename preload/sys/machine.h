/* SPDX-License-Identifier: MIT */
/*
 * What only the preload knows about the processor and its ABI: one file per processor. docs/portability.md says what a
 * further processor needs. Each file defines:
 *
 *   unwinding   CT_REG_*                  the DWARF numbers of the registers
 *               CT_RETURN_OFFSET          where a call leaves the return address
 *               CT_RED_ZONE_BYTES         what a leaf function may use below its sp
 *               CT_SIGNAL_*_OFFSET        the kernel's signal frame
 *               CT_RULE_NO_TABLE          the rule for code without an unwind table
 *               CT_MACHINE_CALLER_SP      in a hook: its caller's sp
 *               ct_machine_is_after_call  is this the address after a call?
 *               CT_MACHINE_KNOWS_GO       unwind/go.c knows where Go changes stacks
 *               CT_MACHINE_GETCONTEXT     libunwind's function
 *   clock       ct_machine_counter_is_steady, ct_machine_pause
 *   kernel      ct_machine_syscall        a system call
 *               CT_MACHINE_SP             sp in struct user_regs_struct, which ptrace fills
 *   loader      CT_MACHINE_LOADER         versions of the functions of sys/loader.h
 *               CT_MACHINE_SLOT_*         relocations of slots that hold a function's address
 *   stubs       CT_STUB_*                 functions in assembler code, which leave all arguments as they are
 */
#ifndef CT_SYS_MACHINE_H
#define CT_SYS_MACHINE_H

#include "ctrace/machine.h"

#ifdef __x86_64__
#include "sys/machine_x86_64.h"
#endif

#endif
