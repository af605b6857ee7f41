/* SPDX-License-Identifier: MIT */
/* Blocks that are not malloc's: they may be 8 bytes apart, and have the address of a block of malloc's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "recording.h"
#include "hooks/side_blocks.h"

static ct_side_table table;

__attribute__((noinline)) static bool side_allocate(uintptr_t block, size_t bytes)
{
	assert_true(ct_enter());
	bool done = ct_side_alloc(&table, CT_CALLER, block, bytes);
	ct_leave();
	return done;
}

static bool side_release(uintptr_t block)
{
	assert_true(ct_enter());
	uint32_t row = ct_side_take(ct_side_cell(&table, block));
	if (row)
		ct_record_free(row, (void *)block);
	ct_leave();
	return row != 0;
}

__attribute__((noinline)) static void side_resize(uintptr_t from, uintptr_t to, size_t bytes)
{
	assert_true(ct_enter());
	uint32_t row = ct_side_take(ct_side_cell(&table, from));
	ct_side_resize(&table, CT_CALLER, row, (void *)from, (void *)to, bytes);
	ct_leave();
}

static uint64_t loss(enum ct_loss loss)
{
	return ct_tracer.header->losses[loss];
}

static void check_live(const struct ct_totals *before, int64_t blocks, int64_t bytes)
{
	struct ct_totals now = totals_now();
	assert_int_equal(now.live_blocks - before->live_blocks, blocks);
	assert_int_equal(now.live_bytes - before->live_bytes, bytes);
}

static void test_side_by_side(void **state)
{
	(void)state;
	struct ct_totals before = totals_now();
	volatile uintptr_t shared = 0x10000; /* volatile: the compiler must not know the address */
	allocate(shared, 100);
	for (uintptr_t at = 0x10000; at < 0x10100; at += 8)
		assert_true(side_allocate(at, 8));
	check_live(&before, 33, 100 + 256);
	for (uintptr_t at = 0x10000; at < 0x10100; at += 16)
		assert_true(side_release(at));
	assert_false(side_release(0x10000));
	check_live(&before, 17, 100 + 128);
	release(0x10000);
	assert_true(side_release(0x10008));
	check_live(&before, 15, 120);
}

static void test_resizes(void **state)
{
	(void)state;
	struct ct_totals before = totals_now();
	side_allocate(0x20000, 40);
	uint32_t site = newest_site() - ct_tracer.sites;
	side_resize(0x20000, 0x30008, 400);
	check_live(&before, 1, 400);
	assert_false(side_release(0x20000));
	side_resize(0x30008, 0, 4000); /* it has failed */
	side_resize(0x30008, 0x30008, 70);
	check_live(&before, 1, 70);
	assert_int_equal(newest_site() - ct_tracer.sites, site);
	side_resize(0x30008, 0, 0);
	check_live(&before, 0, 0);
	uint64_t unknown = loss(CT_LOSS_UNKNOWN_FREE);
	side_resize(0x40000, 0x50000, 30); /* of a block that is not known */
	assert_int_equal(loss(CT_LOSS_UNKNOWN_FREE), unknown + 1);
	check_live(&before, 1, 30);
	side_resize(0, 0x60000, 5);
	assert_int_equal(loss(CT_LOSS_UNKNOWN_FREE), unknown + 1);
	check_live(&before, 2, 35);
}

static void test_in_a_pause(void **state)
{
	(void)state;
	side_allocate(0x70000, 40);
	side_allocate(0x71000, 40);
	side_allocate(0x72000, 40);
	struct ct_totals before = totals_now();
	ct_tracer.special = CT_SPECIAL_PAUSED;
	side_resize(0x70000, 0, 4000);
	check_live(&before, 0, 0);
	side_resize(0x71000, 0x73000, 80);
	assert_true(side_allocate(0x74000, 5));
	ct_tracer.special = 0;
	check_live(&before, -1, -40);
	assert_false(side_release(0x73000));
	assert_false(side_release(0x74000));
	assert_true(side_release(0x70000));
}

static void test_what_cannot_be_recorded(void **state)
{
	(void)state;
	struct ct_totals before = totals_now();
	uint64_t dropped = loss(CT_LOSS_DROPPED);
	assert_false(side_allocate(0x80004, 40));
	assert_false(side_allocate((uintptr_t)1 << 50, 40));
	assert_false(side_allocate(0x80000, CT_BLOCK_BYTES_MAX + 1));
	side_allocate(0x81000, 40);
	side_resize(0x81000, 0x82000, CT_BLOCK_BYTES_MAX + 1);
	side_allocate(0x83000, 40);
	side_resize(0x83000, 0x84001, 80);
	assert_int_equal(loss(CT_LOSS_DROPPED), dropped + 2);
	assert_false(side_release(0x82000));
	check_live(&before, 1, 40); /* the free of the last one is not known */
}

static void test_missed_free_is_made_good(void **state)
{
	(void)state;
	struct ct_totals before = totals_now();
	side_allocate(0x90000, 10);
	side_allocate(0x90000, 20);
	check_live(&before, 1, 20);
	side_allocate(0x91000, 30);
	side_resize(0x91000, 0x90000, 40);
	check_live(&before, 1, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_side_by_side),
		cmocka_unit_test(test_resizes),
		cmocka_unit_test(test_in_a_pause),
		cmocka_unit_test(test_what_cannot_be_recorded),
		cmocka_unit_test(test_missed_free_is_made_good),
	};
	return cmocka_run_group_tests_name("preload_side_blocks", tests, recording_start, recording_stop);
}
