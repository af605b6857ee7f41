/* SPDX-License-Identifier: MIT */
/* The block map and its table of rows: rows move between threads, and are found by the addresses of their blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "heap/block_rows.h"
#include "hot/blocks.h"

#define BATCHES 20u
#define RECORDS (BATCHES * CT_ROW_BATCH)
#define BLOCKS 4000u

static void take_all(struct ct_thread *thread, uint32_t *rows)
{
	for (uint32_t i = 0; i < RECORDS; i++) {
		rows[i] = ct_block_new(thread);
		assert_int_not_equal(rows[i], 0);
		ct_block_set(&ct_blocks.rows[rows[i]], i + 1, i, 1);
	}
}

/* No row was handed out twice: each still holds its own data. */
static void check_all(const uint32_t *rows)
{
	for (uint32_t i = 0; i < RECORDS; i++)
		assert_int_equal(ct_block_site(&ct_blocks.rows[rows[i]]), i + 1);
}

static void check_count(const struct ct_thread *thread)
{
	uint32_t count = 0;
	for (uint32_t at = thread->free_rows; at; at = (uint32_t)ct_blocks.rows[at].site_size)
		count++;
	assert_int_equal(thread->free_count, count);
}

static void test_records_are_used_again(void **state)
{
	(void)state;
	struct ct_thread *threads[3];
	uint32_t *rows = calloc(RECORDS, sizeof(*rows));
	for (int i = 0; i < 3; i++)
		threads[i] = calloc(1, sizeof(*threads[i]));
	uint32_t first = ct_blocks_rows_end();
	take_all(threads[0], rows);
	check_all(rows);
	assert_int_equal(ct_blocks_rows_end(), first + RECORDS);
	for (int turn = 0; turn < 3; turn++) {
		/* Another thread frees all rows, and keeps at most two batches. */
		for (uint32_t i = 0; i < RECORDS; i++) {
			ct_block_release(threads[1], rows[i]);
			assert_in_range(threads[1]->free_count, 0, CT_ROW_BATCH - 1);
		}
		check_count(threads[1]);
		/* A third thread takes them: the table grows only by what the second thread kept. */
		take_all(threads[2], rows);
		check_all(rows);
		check_count(threads[1]);
		check_count(threads[2]);
		assert_in_range(ct_blocks_rows_end(), first + RECORDS, first + RECORDS + 2 * CT_ROW_BATCH);
		for (uint32_t i = 0; i < RECORDS; i++)
			ct_block_release(threads[2], rows[i]);
		take_all(threads[2], rows);
		check_all(rows);
	}
	for (int i = 0; i < 3; i++)
		free(threads[i]);
	free(rows);
}

struct placed {
	uintptr_t address;
	uint32_t row;
	uint32_t bytes;
};

/* Blocks as in allocators other than the C library's: small ones 8 bytes apart, others 16 or more. */
static void test_blocks_side_by_side(void **state)
{
	(void)state;
	struct ct_thread *thread = calloc(1, sizeof(*thread));
	struct placed *blocks = calloc(BLOCKS, sizeof(*blocks));
	uintptr_t at = ((uintptr_t)3 << CT_LEAF_SHIFT) - BLOCKS; /* on both sides of the end of a leaf */
	uint32_t seed = 1;
	at &= ~(uintptr_t)15;
	for (uint32_t i = 0; i < BLOCKS; i++) {
		seed = seed * 1664525 + 1013904223;
		uint32_t bytes = seed >> 28;
		uint32_t room = bytes <= CT_SMALL_BYTES ? 8 : 16;
		blocks[i] = (struct placed){at, ct_block_new(thread), bytes};
		ct_block_set(&ct_blocks.rows[blocks[i].row], i + 1, bytes, i);
		assert_int_equal(ct_block_insert(at, blocks[i].row), 0);
		at += room;
	}
	for (uint32_t i = 0; i < BLOCKS; i++) { /* in a different order */
		struct placed *block = &blocks[(uint64_t)i * 1597 % BLOCKS];
		assert_int_equal(ct_block_take(block->address), block->row);
		assert_int_equal(ct_block_site(&ct_blocks.rows[block->row]), block - blocks + 1);
		assert_int_equal(ct_block_bytes(&ct_blocks.rows[block->row]), block->bytes);
		assert_int_equal(ct_block_take(block->address), 0);
	}
	free(blocks);
	free(thread);
}

static void test_sizes_and_births(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {0, 1, UINT32_MAX, 1ull << 32, CT_BLOCK_BYTES_MAX};
	static const uint64_t births[] = {0, 1, 1ull << 32, (1ull << 55) - 1};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t j = 0; j < sizeof(births) / sizeof(births[0]); j++) {
			struct ct_block block;
			ct_block_set(&block, 0x7fffffff, sizes[i], births[j]);
			assert_int_equal(ct_block_site(&block), 0x7fffffff);
			assert_int_equal(ct_block_bytes(&block), sizes[i]);
			assert_int_equal(ct_block_birth(&block), births[j]);
		}
}

static int start(void **state)
{
	(void)state;
	return ct_blocks_init(false, false) ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_are_used_again),
		cmocka_unit_test(test_blocks_side_by_side),
		cmocka_unit_test(test_sizes_and_births),
	};
	return cmocka_run_group_tests_name("preload_blocks", tests, start, NULL);
}
