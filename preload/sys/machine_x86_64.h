/* SPDX-License-Identifier: MIT */
/* Included by sys/machine.h. Sources: System V ABI, AMD64 supplement; the kernel's asm/sigcontext.h. */
#ifndef CT_SYS_MACHINE_X86_64_H
#define CT_SYS_MACHINE_X86_64_H

#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>

/* DWARF numbers of the registers that unwinding needs (AMD64 supplement, figure 3.36). */
#define CT_REG_BP 6
#define CT_REG_SP 7
#define CT_REG_PC 16

/* Where the return address is, relative to the CFA, in bytes. So there is nothing to keep of it. */
#define CT_RETURN_OFFSET (-8)

struct ct_machine_return {
};

static inline uintptr_t ct_machine_return_slot(uintptr_t cfa, int32_t bp_offset)
{
	(void)bp_offset;
	return cfa + (uintptr_t)CT_RETURN_OFFSET;
}

static inline void ct_machine_return_keep(struct ct_machine_return *kept, uintptr_t slot)
{
	(void)kept;
	(void)slot;
}

static inline const uintptr_t *ct_machine_return_kept(const struct ct_machine_return *kept, uintptr_t cfa)
{
	(void)kept;
	return (const uintptr_t *)(cfa + (uintptr_t)CT_RETURN_OFFSET);
}

static inline uintptr_t ct_machine_plain_pc(uintptr_t word)
{
	return word;
}

static inline uintptr_t ct_machine_word_of_pc(const uintptr_t *slot, uintptr_t pc)
{
	(void)slot;
	return pc;
}

static inline bool ct_machine_return_fits(int64_t offset, bool bp_is_saved, int64_t bp_offset)
{
	(void)bp_is_saved;
	(void)bp_offset;
	return offset == CT_RETURN_OFFSET;
}

static inline int64_t ct_machine_offset_without_bp(int64_t offset)
{
	return offset;
}

#define CT_MACHINE_HAS_LINK false

/* A leaf function may use this much memory below its sp. */
#define CT_RED_ZONE_BYTES 128

/*
 * The interrupted registers in the kernel's signal frame (ucontext_t.uc_mcontext), relative to sp in the trampoline, in
 * bytes.
 */
#define CT_SIGNAL_BP_OFFSET 120
#define CT_SIGNAL_SP_OFFSET 160
#define CT_SIGNAL_PC_OFFSET 168
#define CT_SIGNAL_LINK_OFFSET CT_SIGNAL_PC_OFFSET /* there is none */

/* mov $15, %rax; syscall */
#define CT_MACHINE_TRAMPOLINE "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05"

/* Code without an unwind table is assumed to have a frame pointer: push bp; mov sp, bp. */
#define CT_RULE_NO_TABLE ((struct ct_rule){.cfa = CT_CFA_NO_TABLE, .bp = CT_BP_AT_CFA, .bp_offset = -16})
#define CT_MACHINE_RECORD_IS_AT_CFA true

/* In a hook, whose frame has a frame pointer then. */
#define CT_MACHINE_CALLER_SP ((uintptr_t)__builtin_frame_address(0) + 2 * sizeof(uintptr_t))

#define CT_MACHINE_KNOWS_GO true
#define CT_MACHINE_GETCONTEXT "_Ux86_64_getcontext"
#define CT_MACHINE_FILL_CONTEXT(getcontext, context) (getcontext)(context)

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

/* Does the counter have one rate, also while the processor sleeps? */
static inline bool ct_machine_counter_is_steady(void)
{
	unsigned a, b, c, d;
	return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1u << 8);
}

/* In a loop that waits. */
static inline void ct_machine_pause(void)
{
	__builtin_ia32_pause();
}

#define CT_MACHINE_PAGE_BYTES_MAX 4096u

static inline bool ct_machine_tags_memory(void)
{
	return false;
}

#define CT_MACHINE_READS_ON true

static inline long ct_machine_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

#define CT_MACHINE_SP(registers) ((registers)->rsp)

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

/* libdl's, before glibc 2.34. */
#define CT_MACHINE_LOADER                                                                                              \
	".symver dlopen, dlopen@GLIBC_2.2.5\n"                                                                         \
	".symver dlsym, dlsym@GLIBC_2.2.5\n"                                                                           \
	".symver dlvsym, dlvsym@GLIBC_2.2.5\n"                                                                         \
	".symver dladdr1, dladdr1@GLIBC_2.3.3\n"

#define CT_MACHINE_SLOT_OF_CALL R_X86_64_JUMP_SLOT /* the loader may fill it at the first call */
#define CT_MACHINE_SLOT_OF_ADDRESS R_X86_64_GLOB_DAT
#define CT_MACHINE_SLOT_IN_DATA R_X86_64_64

/* clang-format off */

#define CT_STUB_BEGIN_(name) \
	".text\n" \
	".globl " name "\n" \
	".type " name ", @function\n" \
	name ":\n" \
	".cfi_startproc\n" \
	"endbr64\n"

#define CT_STUB_END_(name) \
	".cfi_endproc\n" \
	".size " name ", . - " name "\n"

#define CT_STUB_PUSH_(reg) "push %" reg "\n.cfi_adjust_cfa_offset 8\n"
#define CT_STUB_POP_(reg) "pop %" reg "\n.cfi_adjust_cfa_offset -8\n"

/* Call the function first(a, b), then go on with the same a and b. */
#define CT_STUB_CALL_FIRST_(first) \
	CT_STUB_PUSH_("rdi") \
	CT_STUB_PUSH_("rsi") \
	"sub $8, %rsp\n" \
	".cfi_adjust_cfa_offset 8\n" \
	"call " first "\n" \
	"add $8, %rsp\n" \
	".cfi_adjust_cfa_offset -8\n" \
	CT_STUB_POP_("rsi") \
	CT_STUB_POP_("rdi")

/* name(a, b): after first(a, b), jump to real(a, b), which is in another object. */
#define CT_STUB_BEFORE(name, first, real) \
	".hidden " name "\n" \
	CT_STUB_BEGIN_(name) \
	CT_STUB_CALL_FIRST_(first) \
	"mov " real "@GOTPCREL(%rip), %rax\n" \
	"jmp *%rax\n" \
	CT_STUB_END_(name)

/* The same, but if first(a, b) is not NULL, return that. */
#define CT_STUB_INSTEAD(name, first, real) \
	".hidden " name "\n" \
	CT_STUB_BEGIN_(name) \
	CT_STUB_CALL_FIRST_(first) \
	"test %rax, %rax\n" \
	"je 1f\n" \
	"ret\n" \
	"1: mov " real "@GOTPCREL(%rip), %rax\n" \
	"jmp *%rax\n" \
	CT_STUB_END_(name)

/* name(number, ...): jump to `handler` for three numbers, else to where the variable `next` points. */
#define CT_STUB_SYSCALL(name, number1, number2, number3, handler, next) \
	CT_STUB_BEGIN_(name) \
	"cmp $" number1 ", %rdi\n" \
	"je " handler "\n" \
	"cmp $" number2 ", %rdi\n" \
	"je " handler "\n" \
	"cmp $" number3 ", %rdi\n" \
	"je " handler "\n" \
	"jmp *" next "(%rip)\n" \
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
	"mov ct_new_request@gottpoff(%rip), %rax\n" \
	"mov %rdi, %fs:0(%rax)\n" \
	"mov %rsp, %fs:8(%rax)\n" \
	"movb $0, %fs:16(%rax)\n" \
	".endif\n" \
	"jmp *ct_operator_targets + 8 * ct_operator_number(%rip)\n" \
	CT_STUB_END_("\\name") \
	".type ct_operator_stub_\\name, @function\n" \
	"ct_operator_stub_\\name:\n" \
	".cfi_startproc\n" \
	CT_STUB_PUSH_("rdi") \
	CT_STUB_PUSH_("rsi") \
	CT_STUB_PUSH_("rdx") \
	"mov $ct_operator_number, %edi\n" \
	"mov 24(%rsp), %rsi\n" \
	"call ct_operator_resolve\n" \
	CT_STUB_POP_("rdx") \
	CT_STUB_POP_("rsi") \
	CT_STUB_POP_("rdi") \
	"jmp *%rax\n" \
	CT_STUB_END_("ct_operator_stub_\\name") \
	".set ct_operator_number, ct_operator_number + 1\n" \
	".endm\n"

/* clang-format on */

#endif
