/* SPDX-License-Identifier: MIT */
/* Rules read from unwind tables. Each function, in assembly, has one kind of call frame instructions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "hot/slow.h"
#include "sys/machine.h"
#include "unwind/cfi.h"
#include "unwind/objects.h"

/* FUNCTION(name, instructions): the label name_at marks the address whose rule is looked up. */
#define FUNCTION(name, instructions)                                                                                   \
	extern const char name##_at[];                                                                                 \
	__asm__(".text\n"                                                                                              \
		".type " #name ", @function\n" #name ":\n"                                                             \
		".cfi_startproc\n" instructions "\n"                                                                   \
		"	ret\n"                                                                                               \
		".cfi_endproc\n"                                                                                       \
		".size " #name ", . - " #name "\n")
#define AT(name) "\n.globl " #name "_at\n.hidden " #name "_at\n" #name "_at:\n	nop\n"

FUNCTION(plain, AT(plain));
FUNCTION(pushed, "push %rbp\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset %rbp, 0\n" AT(
			 pushed) "pop %rbp\n"
				 ".cfi_adjust_cfa_offset -8\n.cfi_restore %rbp");
FUNCTION(popped, "push %rbp\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset %rbp, 0\npop %rbp\n"
		 ".cfi_adjust_cfa_offset -8\n.cfi_restore %rbp\n" AT(popped));
FUNCTION(left, "nop\n.cfi_def_cfa %rbp, 16\n.cfi_offset %rbp, -16\nnop\n.cfi_def_cfa %rsp, 8\n" AT(left));
FUNCTION(framed, "nop\n.cfi_def_cfa %rbp, 16\n.cfi_offset %rbp, -16\n" AT(framed));
FUNCTION(remembered, "nop\n.cfi_remember_state\n.cfi_def_cfa_offset 64\nnop\n.cfi_restore_state\n" AT(remembered));
FUNCTION(big, "nop\n.cfi_def_cfa_offset 4000000\n" AT(big));
FUNCTION(too_big, "nop\n.cfi_def_cfa_offset 8000000\n" AT(too_big));
/* A realigned stack: CFA = *(rbp - 8), rbp saved at rbp + 0. */
FUNCTION(realigned, "nop\n.cfi_escape 0x0f, 3, 0x76, 0x78, 6\n.cfi_escape 0x10, 6, 2, 0x76, 0\n" AT(realigned));
/* rbp saved at CFA - 24, as an expression. The evaluation begins with the CFA on its stack. */
FUNCTION(saved_by_expression,
	 "nop\n.cfi_def_cfa_offset 40\n.cfi_escape 0x10, 6, 3, 8, 24, 0x1c\n" AT(saved_by_expression));
/* PLT: CFA = rsp + 8 + ((rip & 15) >= 11) * 8. */
#define PLT ".cfi_escape 0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22\n"
FUNCTION(plt_begin, ".balign 16\n" PLT AT(plt_begin));
FUNCTION(plt_pushed, ".balign 16\n" PLT ".fill 11, 1, 0x90\n" AT(plt_pushed));
FUNCTION(outermost, ".cfi_undefined %rip\n" AT(outermost));
FUNCTION(odd_register, "nop\n.cfi_def_cfa %rbx, 16\n" AT(odd_register));
FUNCTION(pc_in_register, "nop\n.cfi_register %rip, %rdx\n" AT(pc_in_register));
FUNCTION(sp_in_register, "nop\n.cfi_register %rsp, %r8\n" AT(sp_in_register));
FUNCTION(bp_by_value, "nop\n.cfi_escape 0x16, 6, 2, 0x77, 0\n" AT(bp_by_value));
FUNCTION(odd_expression, "nop\n.cfi_escape 0x0f, 3, 0x77, 8, 6\n" AT(odd_expression));
FUNCTION(empty_expression, "nop\n.cfi_escape 0x0f, 0\n" AT(empty_expression));
FUNCTION(cut_expression, "nop\n.cfi_escape 0x0f, 1, 0x77\n" AT(cut_expression));
__asm__(".text\n.globl tableless_at\n.hidden tableless_at\n.balign 16\ntableless_at:\n	nop\n	ret\n");
extern const char tableless_at[];
__asm__(".text\n.globl called_at\n.hidden called_at\n	call *8(%r12)\n.set called_at, . - 1\n	ret\n");
extern const char called_at[];

static void check_rule(const char *name, const char *at, struct ct_rule wanted)
{
	struct ct_rule got = ct_cfi_rule((uintptr_t)at);
	if (got.cfa != wanted.cfa || got.bp != wanted.bp || got.cfa_offset != wanted.cfa_offset ||
	    (wanted.bp != CT_BP_SAME && got.bp_offset != wanted.bp_offset))
		fail_msg("%s: cfa %d%+ld bp %d%+ld, wanted %d%+ld, %d%+ld", name, got.cfa, (long)got.cfa_offset, got.bp,
			 (long)got.bp_offset, wanted.cfa, (long)wanted.cfa_offset, wanted.bp, (long)wanted.bp_offset);
}
#define CHECK(name, ...) check_rule(#name, name##_at, (struct ct_rule){__VA_ARGS__})

static void plain_rows(void **state)
{
	(void)state;
	CHECK(plain, .cfa = CT_CFA_SP, .cfa_offset = 8);
	CHECK(pushed, .cfa = CT_CFA_SP, .cfa_offset = 16, .bp = CT_BP_AT_CFA, .bp_offset = -16);
	CHECK(popped, .cfa = CT_CFA_SP, .cfa_offset = 8);
	CHECK(framed, .cfa = CT_CFA_BP, .cfa_offset = 16, .bp = CT_BP_AT_CFA, .bp_offset = -16);
	CHECK(left, .cfa = CT_CFA_SP, .cfa_offset = 8); /* rbp has been popped, whatever the table says */
	CHECK(remembered, .cfa = CT_CFA_SP, .cfa_offset = 8);
	CHECK(big, .cfa = CT_CFA_SP, .cfa_offset = 4000000);
}

static void expressions(void **state)
{
	(void)state;
	CHECK(realigned, .cfa = CT_CFA_BP_LOAD, .cfa_offset = -8, .bp = CT_BP_AT_BP, .bp_offset = 0);
	CHECK(saved_by_expression, .cfa = CT_CFA_SP, .cfa_offset = 40, .bp = CT_BP_AT_CFA, .bp_offset = -24);
	CHECK(plt_begin, .cfa = CT_CFA_SP, .cfa_offset = 8);
	CHECK(plt_pushed, .cfa = CT_CFA_SP, .cfa_offset = 16);
}

static void ends(void **state)
{
	(void)state;
	CHECK(outermost, .cfa = CT_CFA_END);
	CHECK(tableless, .cfa = CT_CFA_NO_TABLE, .cfa_offset = CT_CFA_PLANTED, .bp = CT_BP_AT_CFA, .bp_offset = -16);
	CHECK(called, .cfa = CT_CFA_NO_TABLE, .bp = CT_BP_AT_CFA, .bp_offset = -16);
}

/* Instructions, and whether each is a call. */
__asm__(".section .rodata\n.balign 32\n"
	".globl instructions\n.hidden instructions\ninstructions:\n"
#define INSTRUCTION(text) "	.rept 8\n	nop\n	.endr\n	" text "\n	int3\n	.balign 32\n"
	/* clang-format off */
	INSTRUCTION("call instructions") INSTRUCTION("call *%rax") INSTRUCTION("call *%r12") INSTRUCTION("call *(%rbx)")
	INSTRUCTION("call *(%r12)") INSTRUCTION("call *(%rsp)") INSTRUCTION("call *8(%rbp)") INSTRUCTION("call *8(%rsp)")
	INSTRUCTION("call *(%r13)") INSTRUCTION("call *1000(%rax)") INSTRUCTION("call *1000(%r12, %rcx, 8)")
	INSTRUCTION("call *instructions(%rip)") INSTRUCTION("call *(, %rax, 8)") INSTRUCTION("call *8(%rax, %rbx, 2)")
	INSTRUCTION("jmp *%rbx") INSTRUCTION("jmp *8(%rsp)") INSTRUCTION("push %rbp") INSTRUCTION("ret")
	INSTRUCTION("nop") INSTRUCTION("mov %rax, 8(%rsp)") INSTRUCTION("ud2") INSTRUCTION("inc %eax")
	/* clang-format on */
	".text\n");
extern const uint8_t instructions[] __attribute__((visibility("hidden")));
#define CALLS 14u
#define INSTRUCTIONS 22u

static void calls(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < INSTRUCTIONS; i++) {
		const uint8_t *end = &instructions[i * 32 + 31];
		while (*end != 0xcc) /* int3, and then zeros */
			end--;
		if (ct_machine_is_after_call(end) != (i < CALLS))
			fail_msg("instruction %u", i);
	}
}

static void not_expressible(void **state)
{
	(void)state;
	assert_int_equal(ct_cfi_rule((uintptr_t)too_big_at).cfa, CT_CFA_UNKNOWN);
	assert_int_equal(ct_cfi_rule((uintptr_t)odd_register_at).cfa, CT_CFA_UNKNOWN);
	assert_int_equal(ct_cfi_rule((uintptr_t)pc_in_register_at).cfa, CT_CFA_UNKNOWN);
	assert_int_equal(ct_cfi_rule((uintptr_t)sp_in_register_at).cfa, CT_CFA_UNKNOWN);
	assert_int_equal(ct_cfi_rule((uintptr_t)bp_by_value_at).cfa, CT_CFA_UNKNOWN);
	assert_int_equal(ct_cfi_rule((uintptr_t)odd_expression_at).cfa, CT_CFA_UNKNOWN);
	assert_int_equal(ct_cfi_rule((uintptr_t)empty_expression_at).cfa, CT_CFA_UNKNOWN);
	assert_int_equal(ct_cfi_rule((uintptr_t)cut_expression_at).cfa, CT_CFA_UNKNOWN);
}

static int without_the_loader(void **state)
{
	(void)state;
	ct_objects_init(false);
	return 0;
}

static int with_the_loader(void **state)
{
	(void)state;
	ct_objects_init(true);
	return 0;
}

static struct ct_object find_object(const void *address, bool ask_loader)
{
	struct ct_object object;
	memset(&object, 0, sizeof(object));
	ct_objects_init(ask_loader);
	assert_true(ct_object_find((uintptr_t)address, &object));
	assert_int_equal(object.name != NULL, ask_loader);
	return object;
}

/* /proc/self/maps must give the same result as the loader. */
static void objects_both_ways(void **state)
{
	static char zero[1 << 20]; /* bss, where no file is mapped */
	(void)state;
	const void *addresses[] = {
		plain_at,
		zero + sizeof(zero) / 2,
		dlsym(RTLD_DEFAULT, "qsort"), /* C library */
		(void *)_cmocka_run_group_tests,
		dlsym(RTLD_DEFAULT, "_dl_find_object"), /* the loader, or the C library */
		dlsym(RTLD_DEFAULT, "__tls_get_addr"), /* the loader */
		(void *)(getauxval(AT_SYSINFO_EHDR) + 0x700), /* the kernel's vDSO */
	};
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		if (!addresses[i])
			continue;
		struct ct_object told = find_object(addresses[i], true);
		struct ct_object read = find_object(addresses[i], false);
		assert_int_equal(told.start, read.start);
		assert_int_equal(told.end, read.end);
		assert_int_equal(told.bias, read.bias);
		assert_ptr_equal(told.eh_frame_header, read.eh_frame_header);
	}
}

static void no_object(void **state)
{
	char on_the_stack;
	char *in_the_heap = strdup("x");
	struct ct_object object;
	(void)state;
	ct_objects_init(false);
	assert_false(ct_object_find((uintptr_t)&on_the_stack, &object));
	assert_false(ct_object_find((uintptr_t)in_the_heap, &object));
	assert_false(ct_object_find(0, &object));
	assert_false(ct_object_find(UINTPTR_MAX, &object));
	free(in_the_heap);
}

static void paths(void **state)
{
	(void)state;
	struct ct_text told, read;
	struct ct_object object = find_object(dlsym(RTLD_DEFAULT, "qsort"), true);
	ct_object_path(&object, &told);
	object = find_object(dlsym(RTLD_DEFAULT, "qsort"), false);
	ct_object_path(&object, &read);
	assert_int_equal(read.bytes[0], '/');
	/* The loader's path may be a symbolic link. */
	char *real = realpath(told.bytes, NULL);
	assert_non_null(real);
	assert_string_equal(real, read.bytes);
	free(real);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(plain_rows, with_the_loader),
		cmocka_unit_test_setup(plain_rows, without_the_loader),
		cmocka_unit_test(expressions),
		cmocka_unit_test(ends),
		cmocka_unit_test(calls),
		cmocka_unit_test(not_expressible),
		cmocka_unit_test(objects_both_ways),
		cmocka_unit_test(no_object),
		cmocka_unit_test(paths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
