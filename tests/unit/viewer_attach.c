/* SPDX-License-Identifier: MIT */
/*
 * What ctrace attach reads of another process, which may be damaged or mean harm. The process is this one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attach/inject.h"
#include "attach/remote.h"
#include "attach/safe.h"

static struct ct_remote self;

static int open_self(void **state)
{
	struct ct_error_text error;
	(void)state;
	if (ct_remote_open(getpid(), &self, &error) || ct_remote_open_memory(&self, &error))
		fail_msg("%s", error.line);
	return 0;
}

static int close_self(void **state)
{
	(void)state;
	ct_remote_close(&self);
	return 0;
}

static void test_symbols(void **state)
{
	(void)state;
	uint64_t getpid_at = ct_image_find(&self.libc, "getpid");
	assert_int_equal(getpid_at, (uintptr_t)dlsym(RTLD_DEFAULT, "getpid"));
	assert_non_null(strstr(ct_image_function(&self.libc, getpid_at), "getpid")); /* or __getpid */
	assert_null(ct_image_function(&self.libc, (uintptr_t)&self));
	assert_int_equal(ct_image_find(&self.libc, "no_such_function"), 0);
}

/* AddressSanitizer may keep variables elsewhere. */
#define ON_STACK ((uintptr_t)__builtin_frame_address(0))

static void test_mappings(void **state)
{
	(void)state;
	assert_string_equal(ct_remote_map_at(&self, ON_STACK)->path, "[stack]");
	assert_string_equal(ct_remote_map_at(&self, self.libc.base)->path, self.libc_path);
	assert_null(ct_remote_map_at(&self, 0));
	assert_null(ct_remote_map_at(&self, UINT64_MAX));
	char value[32];
	assert_true(ct_remote_status(&self, "Pid", value, sizeof(value)));
	assert_int_equal(atoi(value), getpid());
	assert_false(ct_remote_status(&self, "Pi", value, sizeof(value)));
}

static void test_gadgets(void **state)
{
	struct ct_gadgets gadgets;
	struct ct_error_text error;
	(void)state;
	assert_int_equal(ct_gadgets_find(&self, &gadgets, &error), 0);
	assert_memory_equal((void *)(uintptr_t)gadgets.system_call, "\x0f\x05\xc3", 3);
	assert_memory_equal((void *)(uintptr_t)gadgets.restore, "\x48\xc7\xc0\x0f\0\0\0\x0f\x05", 9);
}

/* A stack must have room, and be the thread's own. */
static void test_stacks(void **state)
{
	struct user_regs_struct registers = {.rsp = ON_STACK, .fs_base = 0};
	(void)state;
	assert_null(ct_inject_refuses(&self, &registers));
	registers.rsp = self.libc.base;
	assert_non_null(ct_inject_refuses(&self, &registers));
	char *coroutine = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct ct_error_text error;
	assert_int_equal(ct_remote_read_maps(&self, &error), 0);
	registers.rsp = (uintptr_t)coroutine + (1 << 19);
	assert_string_equal(ct_inject_refuses(&self, &registers), "on a stack that is not its thread's own");
	registers.rsp = (uintptr_t)ct_remote_map_at(&self, (uintptr_t)coroutine)->start + 4096;
	assert_string_equal(ct_inject_refuses(&self, &registers), "too little room on its stack");
	munmap(coroutine, 1 << 20);
}

static void test_suits(void **state)
{
	(void)state;
	assert_int_equal(ct_suits(-1), CT_SUITS_BUSY);
	assert_int_equal(ct_suits(SYS_read), CT_SUITS_WELL);
	assert_int_equal(ct_suits(SYS_epoll_wait), CT_SUITS_LATE);
	assert_int_equal(ct_suits(SYS_close), CT_SUITS_NOT); /* after EINTR the descriptor is closed */
	assert_int_equal(ct_suits(SYS_connect), CT_SUITS_NOT);
}

/* Copies of an object's head with wrong bytes. Each is refused, or read without harm. */
static void test_damaged_object(void **state)
{
	struct ct_image image;
	Elf64_Ehdr *libc = (void *)(uintptr_t)self.libc.base;
	unsigned char *copy = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t random = 1, read = 0;
	(void)state;
	Elf64_Phdr *parts = (void *)(copy + libc->e_phoff);
	size_t head = libc->e_phoff + libc->e_phnum * sizeof(*parts), dynamic = 0, at = 0x4000;
	for (int i = 0; i < 3000; i++) {
		memcpy(copy, libc, head);
		for (uint16_t k = 0; k < libc->e_phnum; k++) {
			if (parts[k].p_type != PT_DYNAMIC)
				continue;
			dynamic = parts[k].p_memsz < 0x1000 ? parts[k].p_memsz : 0x1000;
			memcpy(copy + at, (void *)(uintptr_t)(self.libc.bias + parts[k].p_vaddr), dynamic);
			parts[k].p_vaddr = at;
		}
		for (int k = 0; i && k < 3; k++) {
			random = random * 1664525 + 1013904223;
			size_t place = random >> 8 & 1 ? at + (random >> 9) % dynamic : (random >> 9) % head;
			copy[place] = (unsigned char)(random >> 24);
		}
		if (ct_image_read(&self, (uintptr_t)copy, &image)) {
			read++;
			ct_image_find(&image, "malloc");
			ct_image_function(&image, (uintptr_t)copy);
			ct_image_free(&image);
		}
	}
	assert_true(read > 100 && read < 3000);
	munmap(copy, 1 << 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_symbols), cmocka_unit_test(test_mappings), cmocka_unit_test(test_gadgets),
		cmocka_unit_test(test_stacks),  cmocka_unit_test(test_suits),    cmocka_unit_test(test_damaged_object),
	};
	return cmocka_run_group_tests_name("viewer_attach", tests, open_self, close_self);
}
