/* SPDX-License-Identifier: MIT */
/* A kernel with pages of 64 KiB: each extent of a store begins and ends at one, and readers take the store as any
 * other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>

#include "load/store/store_steps.h"
#include "recording.h"
#include "store/store_file.h"
#include "sys/arena.h"
#include "sys/page.h"

#define LARGE_PAGE 65536u
#define BLOCKS 5000u

/* What the preload asks for. */
unsigned long getauxval(unsigned long type)
{
	unsigned long (*real)(unsigned long) = (unsigned long (*)(unsigned long))dlsym(RTLD_NEXT, "getauxval");
	return type == AT_PAGESZ ? LARGE_PAGE : real(type);
}

/* No loaded objects: their pages of 4 KiB, which the loader has made read-only, would not fit. */
int dl_iterate_phdr(int (*callback)(struct dl_phdr_info *, size_t, void *), void *data)
{
	(void)callback;
	(void)data;
	return 0;
}

static void test_extents(void **state)
{
	(void)state;
	struct ct_store_file store;
	struct ct_error_text error;
	uint64_t end = 0;
	assert_int_equal(ct_page_bytes, LARGE_PAGE);
	for (uint32_t i = 0; i < BLOCKS; i++)
		recurse(i % 300, 0x10000000 + 64 * i);
	assert_true(ct_store_grow(CT_SECTION_COUNTERS, LARGE_PAGE));
	assert_int_equal(totals_now().total_blocks, BLOCKS);
	const struct ct_store_header *header = ct_tracer.header;
	assert_true(header->extent_count > CT_SECTION_COUNT);
	for (uint32_t i = 0; i < header->extent_count; i++) {
		assert_int_equal(header->extents[i].file_offset % LARGE_PAGE, 0);
		assert_int_equal((uint64_t)header->extents[i].pages * CT_STORE_PAGE % LARGE_PAGE, 0);
		assert_true(header->extents[i].file_offset >= end);
		end = header->extents[i].file_offset + (uint64_t)header->extents[i].pages * CT_STORE_PAGE;
	}
	if (ct_store_file_open(ct_store_path(), &store, &error))
		fail_msg("%s", error.line);
	assert_int_equal(store.failed, 0);
	assert_int_equal(store.header->totals.total_blocks, BLOCKS);
	ct_store_file_close(&store);
}

/* What is given back are whole pages, and nothing beside the piece is cleared. */
static void test_arena(void **state)
{
	(void)state;
	size_t bytes = 5 * LARGE_PAGE;
	unsigned char *piece = ct_arena_alloc(bytes);
	assert_non_null(piece);
	memset(piece, 1, bytes);
	ct_arena_clear(piece + 100, 3 * LARGE_PAGE);
	for (size_t i = 0; i < bytes; i++)
		assert_int_equal(piece[i], i < 100 || i >= 100 + 3 * LARGE_PAGE);
	ct_arena_free(piece, bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extents),
		cmocka_unit_test(test_arena),
	};
	/* The end of the recording asks the kernel which pages are resident, and it answers for pages of 4 KiB. */
	_exit(cmocka_run_group_tests_name("both_pages", tests, recording_start, recording_stop));
}
