/* SPDX-License-Identifier: MIT */
/*
 * What only the preload knows about the processor and its ABI: one file per processor. docs/portability.md says what a
 * further processor needs. Each file defines:
 *
 *   unwinding   CT_REG_*                  the DWARF numbers of the registers
 *               struct ct_machine_return  what a walk keeps of where it read a return address, and its functions:
 *                 ct_machine_return_slot(cfa, bp_offset)  the slot, by the CFA and by the rule's bp_offset
 *                 ct_machine_return_keep, _kept         keep it; the slot that was kept, or by the callee's CFA
 *                 ct_machine_plain_pc(word)             the address in a slot's word
 *                 ct_machine_word_of_pc(slot, pc)       the word of a slot that pc was read from
 *                 ct_machine_return_fits                can a rule say that it is at this offset from the CFA?
 *                 ct_machine_offset_without_bp          bp_offset of a rule in which bp is not saved
 *               CT_MACHINE_HAS_LINK       can the return address be in a register?
 *               CT_RED_ZONE_BYTES         what a leaf function may use below its sp
 *               CT_SIGNAL_*_OFFSET        the kernel's signal frame
 *               CT_MACHINE_TRAMPOLINE     the code that a signal handler returns to, where it has no unwind table
 *               CT_RULE_NO_TABLE          the rule for code without an unwind table
 *               CT_MACHINE_RECORD_IS_AT_CFA  does that rule give the caller's sp?
 *               CT_MACHINE_CALLER_SP      in a hook: its caller's sp
 *               ct_machine_is_after_call  is this the address after a call?
 *               CT_MACHINE_KNOWS_GO       unwind/go.c knows where Go changes stacks
 *               CT_MACHINE_GETCONTEXT     libunwind's function; empty: it is inline
 *               CT_MACHINE_FILL_CONTEXT   call it
 *   clock       ct_machine_counter_is_steady, ct_machine_pause
 *   kernel      CT_MACHINE_PAGE_BYTES_MAX the largest page that the kernel may have
 *               ct_machine_tags_memory    may loads through addresses without their tag fail?
 *               CT_MACHINE_READS_ON       may a load go on to the end of a page, behind the end of a block?
 *               ct_machine_syscall        a system call
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
#else
#include "sys/machine_aarch64.h"
#endif

#endif
