/* SPDX-License-Identifier: MIT */
/*
 * Included by sys/machine.h. Sources: Procedure Call Standard and DWARF for the Arm 64-bit Architecture; the kernel's
 * asm/sigcontext.h and its signal frame.
 */
#ifndef CT_SYS_MACHINE_AARCH64_H
#define CT_SYS_MACHINE_AARCH64_H

#include <linux/prctl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>

/* DWARF numbers of the registers that unwinding needs: x29, sp, and x30, which a call leaves the return address in. */
#define CT_REG_BP 29
#define CT_REG_SP 31
#define CT_REG_PC 30

/*
 * A function saves x29 and x30 side by side, or x30 alone, at any place of its frame. A rule has one offset for both,
 * that of x29.
 */
#define CT_RETURN_ABOVE_BP 8

struct ct_machine_return {
	uintptr_t slot;
};

static inline uintptr_t ct_machine_return_slot(uintptr_t cfa, int32_t bp_offset)
{
	return cfa + (uintptr_t)(intptr_t)(bp_offset + CT_RETURN_ABOVE_BP);
}

static inline void ct_machine_return_keep(struct ct_machine_return *kept, uintptr_t slot)
{
	kept->slot = slot;
}

static inline const uintptr_t *ct_machine_return_kept(const struct ct_machine_return *kept, uintptr_t cfa)
{
	(void)cfa;
	return (const uintptr_t *)kept->slot;
}

/* Without the signature of pointer authentication, which is above the address. */
static inline uintptr_t ct_machine_plain_pc(uintptr_t word)
{
	return word & 0xffffffffffff;
}

static inline uintptr_t ct_machine_word_of_pc(const uintptr_t *slot, uintptr_t pc)
{
	return slot ? *slot : pc;
}

static inline bool ct_machine_return_fits(int64_t offset, bool bp_is_saved, int64_t bp_offset)
{
	return bp_is_saved ? offset == bp_offset + CT_RETURN_ABOVE_BP : offset < 0 && offset % 8 == 0;
}

static inline int64_t ct_machine_offset_without_bp(int64_t offset)
{
	return offset - CT_RETURN_ABOVE_BP;
}

/* A function that calls no other may leave its return address in x30. */
#define CT_MACHINE_HAS_LINK true

/* Nothing below sp is anybody's. */
#define CT_RED_ZONE_BYTES 0

/* The kernel's signal frame begins with 128 bytes of siginfo. Offsets of x29, x30, sp and pc. */
#define CT_SIGNAL_BP_OFFSET 544
#define CT_SIGNAL_LINK_OFFSET 552
#define CT_SIGNAL_SP_OFFSET 560
#define CT_SIGNAL_PC_OFFSET 568

/* mov x8, 139; svc 0 */
#define CT_MACHINE_TRAMPOLINE "\x68\x11\x80\xd2\x01\x00\x00\xd4"

/* x29 points to a frame record, the caller's x29 and the return address. It lies anywhere in the frame. */
#define CT_RULE_NO_TABLE ((struct ct_rule){.cfa = CT_CFA_NO_TABLE, .bp = CT_BP_AT_CFA, .bp_offset = -16})
#define CT_MACHINE_RECORD_IS_AT_CFA false

/* sp at the entry of the function. clang has gcc's built-in function too, but as another name of x29. */
#ifdef __clang__
#define CT_MACHINE_CALLER_SP ((uintptr_t)__builtin_sponentry())
#else
#define CT_MACHINE_CALLER_SP ((uintptr_t)__builtin_dwarf_cfa())
#endif

#define CT_MACHINE_KNOWS_GO false
#define CT_MACHINE_GETCONTEXT ""
#define CT_MACHINE_FILL_CONTEXT(getcontext, context) unw_getcontext(context)

#define CT_CALL_BYTES_MAX 4

/* Is the instruction that ends here bl, or one of blr's forms? */
static inline bool ct_machine_is_after_call(const uint8_t *at)
{
	uint32_t code;
	memcpy(&code, at - sizeof(code), sizeof(code));
	return code >> 26 == 0x25 || (code & 0xfefff000) == 0xd63f0000;
}

/* The generic timer has one rate by definition. */
static inline bool ct_machine_counter_is_steady(void)
{
	return true;
}

static inline void ct_machine_pause(void)
{
	__asm__ volatile("yield");
}

#define CT_MACHINE_PAGE_BYTES_MAX 65536u

static inline long ct_machine_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}

/* Memory tagging (MTE), if glibc.mem.tagging asks for it: blocks have tags, and the words before them have others. */
static inline bool ct_machine_tags_memory(void)
{
	long control = ct_machine_syscall(SYS_prctl, PR_GET_TAGGED_ADDR_CTRL, 0, 0, 0, 0, 0);
	return control > 0 && control & PR_MTE_TCF_MASK;
}

#define CT_MACHINE_READS_ON false

#define CT_MACHINE_SP(registers) ((registers)->sp)

/* Whether Valgrind runs the program: the same request, as its header has it for this processor. */
static inline bool ct_machine_is_valgrind(void)
{
	uint64_t request[6] = {0x1001};
	register uint64_t x3 __asm__("x3") = 0;
	register uint64_t *x4 __asm__("x4") = request;
	__asm__ volatile("ror x12, x12, #3\n\tror x12, x12, #13\n\tror x12, x12, #51\n\tror x12, x12, #61\n\t"
			 "orr x10, x10, x10"
			 : "+r"(x3)
			 : "r"(x4)
			 : "memory");
	return x3 != 0;
}

/* libdl's, before glibc 2.34. */
#define CT_MACHINE_LOADER                                                                                              \
	".symver dlopen, dlopen@GLIBC_2.17\n"                                                                          \
	".symver dlsym, dlsym@GLIBC_2.17\n"                                                                            \
	".symver dlvsym, dlvsym@GLIBC_2.17\n"                                                                          \
	".symver dladdr1, dladdr1@GLIBC_2.17\n"

#define CT_MACHINE_SLOT_OF_CALL R_AARCH64_JUMP_SLOT /* the loader may fill it at the first call */
#define CT_MACHINE_SLOT_OF_ADDRESS R_AARCH64_GLOB_DAT
#define CT_MACHINE_SLOT_IN_DATA R_AARCH64_ABS64

/* The stubs may use x9 to x17. `hint 34` is bti c: code may jump here. */

/* clang-format off */

#define CT_STUB_BEGIN_(name) \
	".text\n" \
	".globl " name "\n" \
	".type " name ", %function\n" \
	name ":\n" \
	".cfi_startproc\n" \
	"hint 34\n"

#define CT_STUB_END_(name) \
	".cfi_endproc\n" \
	".size " name ", . - " name "\n"

/* A frame with x0 to x2, in which functions can be called. */
#define CT_STUB_PUSH_ \
	"stp x29, x30, [sp, -48]!\n" \
	".cfi_def_cfa_offset 48\n" \
	".cfi_offset x29, -48\n" \
	".cfi_offset x30, -40\n" \
	"mov x29, sp\n" \
	"stp x0, x1, [sp, 16]\n" \
	"str x2, [sp, 32]\n"

#define CT_STUB_POP_ \
	"ldp x0, x1, [sp, 16]\n" \
	"ldr x2, [sp, 32]\n" \
	"ldp x29, x30, [sp], 48\n" \
	".cfi_restore x29\n" \
	".cfi_restore x30\n" \
	".cfi_def_cfa_offset 0\n"

/* Call the function first(a, b), then go on with the same a and b, and its result in x9. */
#define CT_STUB_CALL_FIRST_(first) \
	CT_STUB_PUSH_ \
	"bl " first "\n" \
	"mov x9, x0\n" \
	CT_STUB_POP_

#define CT_STUB_JUMP_(real) \
	"adrp x16, :got:" real "\n" \
	"ldr x16, [x16, :got_lo12:" real "]\n" \
	"br x16\n"

/* name(a, b): after first(a, b), jump to real(a, b), which is in another object. */
#define CT_STUB_BEFORE(name, first, real) \
	".hidden " name "\n" \
	CT_STUB_BEGIN_(name) \
	CT_STUB_CALL_FIRST_(first) \
	CT_STUB_JUMP_(real) \
	CT_STUB_END_(name)

/* The same, but if first(a, b) is not NULL, return that. */
#define CT_STUB_INSTEAD(name, first, real) \
	".hidden " name "\n" \
	CT_STUB_BEGIN_(name) \
	CT_STUB_CALL_FIRST_(first) \
	"cbz x9, 1f\n" \
	"mov x0, x9\n" \
	"ret\n" \
	"1:\n" \
	CT_STUB_JUMP_(real) \
	CT_STUB_END_(name)

/* name(number, ...): jump to `handler` for three numbers, else to where the variable `next` points. */
#define CT_STUB_SYSCALL(name, number1, number2, number3, handler, next) \
	CT_STUB_BEGIN_(name) \
	"cmp x0, " number1 "\n" \
	"b.eq 1f\n" \
	"cmp x0, " number2 "\n" \
	"b.eq 1f\n" \
	"cmp x0, " number3 "\n" \
	"b.eq 1f\n" \
	"adrp x16, " next "\n" \
	"ldr x16, [x16, :lo12:" next "]\n" \
	"br x16\n" \
	"1: b " handler "\n" \
	CT_STUB_END_(name)

/*
 * Defines the assembler's macro `ct_operator NAME [aligned]`: the operator, which jumps through its entry of
 * ct_operator_targets, and the stub in its entry, which saves the arguments, calls ct_operator_resolve, and jumps to the
 * result. An aligned operator writes ct_new_request first. Operators are numbered in the order of their macros.
 */
#define CT_STUB_OPERATORS \
	".text\n" \
	".set ct_operator_number, 0\n" \
	".macro ct_operator name aligned\n" \
	CT_STUB_BEGIN_("\\name") \
	".ifnb \\aligned\n" \
	"mrs x16, tpidr_el0\n" \
	"adrp x17, :gottprel:ct_new_request\n" \
	"ldr x17, [x17, :gottprel_lo12:ct_new_request]\n" \
	"add x16, x16, x17\n" \
	"mov x17, sp\n" \
	"stp x0, x17, [x16]\n" \
	"strb wzr, [x16, 16]\n" \
	".endif\n" \
	"adrp x16, ct_operator_targets + 8 * ct_operator_number\n" \
	"ldr x16, [x16, :lo12:ct_operator_targets + 8 * ct_operator_number]\n" \
	"br x16\n" \
	CT_STUB_END_("\\name") \
	".type ct_operator_stub_\\name, %function\n" \
	"ct_operator_stub_\\name:\n" \
	".cfi_startproc\n" \
	"hint 34\n" \
	CT_STUB_PUSH_ \
	"mov x1, x30\n" \
	"mov w0, ct_operator_number\n" \
	"bl ct_operator_resolve\n" \
	"mov x16, x0\n" \
	CT_STUB_POP_ \
	"br x16\n" \
	CT_STUB_END_("ct_operator_stub_\\name") \
	".set ct_operator_number, ct_operator_number + 1\n" \
	".endm\n"

/* clang-format on */

#endif
