/* SPDX-License-Identifier: MIT */
/* Segments: what counts in which one, and what a reader finds after a kill between any two of their stores. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "recording.h"
#include "store/segment.h"
#include "store/store_file.h"

static void begin(void)
{
	ct_lock_get(&ct_lock_combine);
	ct_segment_begin(CT_CONTROL_EXACT, 0, ct_store_string("next", 4));
	ct_lock_put(&ct_lock_combine);
}

static const struct ct_segment_head *head_at(uint64_t at)
{
	return (const struct ct_segment_head *)((const struct ct_site *)ct_store_base(CT_SECTION_SEGMENTS) + at);
}

static void test_counters_begin_again(void **state)
{
	(void)state;
	allocate(0x100000, 100);
	struct ct_site *old = newest_site();
	struct ct_totals before = totals_now();
	uint64_t kept = ct_tracer.header->sections[CT_SECTION_SEGMENTS].used;
	begin();
	assert_int_equal(totals_now().total_blocks, 0);
	assert_int_equal(old->total_blocks, 0);
	assert_int_not_equal(old->node, 0);
	const struct ct_segment_head *head = head_at(kept);
	assert_memory_equal(&head->totals, &before, sizeof(before));
	assert_int_equal(ct_tracer.header->sections[CT_SECTION_SEGMENTS].used, kept + head->rows + 1);
	assert_int_equal(head->segment.number + 1, ct_segment_latest(ct_tracer.header)->number);
	assert_int_equal(ct_tracer.header->cleared, ct_segment_latest(ct_tracer.header)->number);
	/* The free of a block from before does not count. */
	release(0x100000);
	struct ct_totals now = totals_now();
	assert_int_equal(now.live_bytes, 0);
	assert_int_equal(now.live_blocks, 0);
}

static void test_resize_of_a_stale_block(void **state)
{
	(void)state;
	begin();
	allocate(0x110000, 100);
	resize(0x110000, 0x110000, 120); /* its birth has the mark of a resize from here on */
	begin();
	resize(0x110000, 0x120000, 150);
	struct ct_totals now = totals_now();
	assert_int_equal(now.total_blocks, 1);
	assert_int_equal(now.total_bytes, 150);
	assert_int_equal(now.live_bytes, 150);
	resize(0x120000, 0x120000, 200);
	release(0x120000);
	now = totals_now();
	assert_int_equal(now.total_blocks, 2);
	assert_int_equal(now.live_bytes, 0);
	assert_int_equal(now.live_blocks, 0);
}

/* While nothing was recorded, the address of a stale block was freed, and given away again. */
static void test_address_of_a_stale_block(void **state)
{
	(void)state;
	allocate(0x130000, 100);
	begin();
	allocate(0x130000, 10);
	struct ct_totals now = totals_now();
	assert_int_equal(now.live_bytes, 10);
	assert_int_equal(now.live_blocks, 1);
	release(0x130000);
	assert_int_equal(totals_now().live_blocks, 0);
}

/* An event that its thread published after the change, with a time before it. */
static void test_late_event(void **state)
{
	(void)state;
	allocate(0x140000, 100);
	struct ct_thread *thread = ct_tls.thread;
	begin();
	uint64_t start = ct_segment_latest(ct_tracer.header)->start_ticks;
	uint32_t site = (uint32_t)(newest_site() - ct_tracer.sites);
	ct_journal(thread, start - 1, site, CT_EVENT_ALLOC, 1000, 0);
	assert_int_equal(totals_now().total_blocks, 0);
	ct_journal(thread, start, site, CT_EVENT_ALLOC, 1000, 0);
	assert_int_equal(totals_now().total_blocks, 1);
	ct_journal(thread, start + 2, site, CT_EVENT_FREE, 1000, start);
	assert_int_equal(totals_now().live_blocks, 0);
}

static void test_timeline_begins_again(void **state)
{
	(void)state;
	begin();
	const struct ct_store_header *header = ct_tracer.header;
	assert_int_equal(header->timeline[header->timeline_half].used, 0);
	allocate(0x150000, 100);
	combine();
	const struct ct_timeline *timeline = &header->timeline[header->timeline_half];
	assert_true(timeline->used >= 1);
	assert_int_equal(timeline->bucket[0].min_bytes, 0);
	assert_int_equal(timeline->bucket[timeline->used - 1].last_bytes, 100);
	assert_true((uint64_t)timeline->used << timeline->shift <
		    2 * (header->latest_ticks - ct_segment_latest(header)->start_ticks) +
			    ((uint64_t)2 << timeline->shift));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters_begin_again),     cmocka_unit_test(test_resize_of_a_stale_block),
		cmocka_unit_test(test_address_of_a_stale_block), cmocka_unit_test(test_late_event),
		cmocka_unit_test(test_timeline_begins_again),
	};
	return cmocka_run_group_tests(tests, recording_start, recording_stop);
}
