/* SPDX-License-Identifier: MIT */
/* Stores of several segments, some of them damaged, and the store of a program that was killed while it began one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "load/load.h"
#include "load/store/store_file.h"
#include "store_builder.h"

static char *const path = store_builder_path;

/* A store in its second segment. The first one had 3 blocks of 10 bytes at site 1, of which one was live at its end. */
static struct store_builder *two_segments(void)
{
	struct store_builder *builder = store_builder_new();
	struct ct_store_header *header = &builder->header;
	struct ct_segment_head head = {
		.segment = {.number = 1, .end_ticks = 1000000, .name = header->output},
		.totals = {.total_bytes = 30,
			   .total_blocks = 3,
			   .live_bytes = 10,
			   .live_blocks = 1,
			   .peak_bytes = 30,
			   .peak_blocks = 3,
			   .peak_ticks = 500000,
			   .peak_epoch = 3},
		.rows = 1,
	};
	memcpy(&builder->segments[0], &head, sizeof(head));
	builder->segments[1] = (struct ct_site){.total_bytes = 30,
						.total_blocks = 3,
						.live_bytes = 10,
						.live_blocks = 1,
						.max_bytes = 30,
						.max_blocks = 3,
						.peak_bytes = 30,
						.peak_blocks = 3,
						.peak_epoch = 3,
						.birth_ticks = 400000,
						.first_ticks = 100000,
						.latest_ticks = 500000,
						.node = builder->sites[1].node,
						.batch = 1};
	header->sections[CT_SECTION_SEGMENTS].used = 2;
	header->segment_half = 1;
	header->segment[1] = (struct ct_segment){.number = 2, .start_ticks = 2000000};
	header->totals.start_ticks = 2000000;
	header->cleared = 2;
	store_builder_event(builder, 0, 1999999, 2, CT_EVENT_ALLOC, 5000, 0); /* published late: not of this segment */
	store_builder_event(builder, 0, 3000000, 2, CT_EVENT_ALLOC, 70, 0);
	store_builder_event(builder, 1, 3000001, 1, CT_EVENT_FREE, 10, 400000); /* of a block of the first one */
	return builder;
}

static int open_segment(struct store_builder *builder, uint32_t number, const char *name, struct ct_profile **profile,
			struct ct_error_text *error)
{
	struct ct_store_file store;
	store_builder_write(builder, path);
	int code = ct_store_file_open(path, &store, error);
	if (!code && (number || name))
		code = ct_store_use_segment(&store, number, name, error);
	if (!code) {
		assert_int_equal(store.failed, 0);
		code = ct_store_profile(&store, profile, error);
	}
	ct_store_file_close(&store);
	return code;
}

static void test_latest(void **state)
{
	(void)state;
	struct ct_profile *profile;
	struct ct_error_text error;
	struct store_builder *builder = two_segments();
	assert_int_equal(open_segment(builder, 0, NULL, &profile, &error), 0);
	assert_int_equal(profile->totals.total_bytes, 70);
	assert_int_equal(profile->totals.end_blocks, 1);
	assert_int_equal(profile->end_time, 3000); /* of 5000 µs the first 2000 are not its */
	assert_int_equal(profile->peak_time, 1000);
	assert_int_equal(profile->sites[0].counters.first_time, 1000);
	assert_int_equal(profile->sites[0].counters.lifetime, 2000);
	ct_profile_free(profile);
	free(builder);
}

static void test_earlier(void **state)
{
	(void)state;
	struct ct_profile *profile;
	struct ct_error_text error;
	struct store_builder *builder = two_segments();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(open_segment(builder, i ? 0 : 1, i ? "/nowhere/out.json" : NULL, &profile, &error), 0);
		assert_int_equal(profile->totals.total_blocks, 3);
		assert_int_equal(profile->totals.end_bytes, 10);
		assert_int_equal(profile->totals.max_bytes, 30);
		assert_int_equal(profile->end_time, 1000);
		assert_int_equal(profile->peak_time, 500);
		assert_int_equal(profile->sites[0].counters.lifetime, 600);
		assert_int_equal(profile->timeline_count, 0);
		ct_profile_free(profile);
	}
	assert_true(open_segment(builder, 3, NULL, &profile, &error) < 0);
	assert_true(open_segment(builder, 0, "nothing", &profile, &error) < 0);
	free(builder);
}

/* The program was killed after it had switched to the new segment, and before it had cleared the counters. */
static void test_killed_at_the_change(void **state)
{
	(void)state;
	struct ct_profile *profile;
	struct ct_error_text error;
	struct store_builder *builder = two_segments();
	builder->header.cleared = 1;
	builder->header.totals = (struct ct_totals){.total_bytes = 30, .total_blocks = 3, .live_bytes = 10};
	builder->sites[1].total_bytes = 30;
	builder->sites[1].total_blocks = 3;
	assert_int_equal(open_segment(builder, 0, NULL, &profile, &error), 0);
	assert_int_equal(profile->totals.total_bytes, 70);
	assert_int_equal(profile->site_count, 1);
	ct_profile_free(profile);
	free(builder);
}

static void check_damaged(struct store_builder *builder, const char *what)
{
	struct ct_profile *profile;
	struct ct_error_text error;
	assert_int_equal(open_segment(builder, 0, NULL, &profile, &error), CT_ERR_DAMAGED);
	assert_non_null(strstr(error.line, what));
	free(builder);
}

static void test_damaged(void **state)
{
	(void)state;
	struct ct_segment_head head;
	struct store_builder *builder = two_segments();
	builder->segments[1].batch = 3;
	check_damaged(builder, "segment of an unknown site");
	builder = two_segments();
	builder->segments[1].batch = 0;
	check_damaged(builder, "segment of an unknown site");
	for (int i = 0; i < 5; i++) {
		builder = two_segments();
		memcpy(&head, &builder->segments[0], sizeof(head));
		if (i == 0)
			head.rows = 2;
		else if (i == 1)
			head.segment.number = 2;
		else if (i == 2)
			head.segment.number = 0;
		else if (i == 3)
			head.segment.start_ticks = 1000001;
		else
			head.segment.name.bytes = 5000;
		memcpy(&builder->segments[0], &head, sizeof(head));
		check_damaged(builder, i ? "bad segment" : "segment without its rows");
	}
	builder = two_segments();
	builder->header.segment[1].number = 0;
	check_damaged(builder, "bad segment");
	builder = two_segments();
	builder->header.segment_half = 2;
	check_damaged(builder, "count out of range");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_latest),
		cmocka_unit_test(test_earlier),
		cmocka_unit_test(test_killed_at_the_change),
		cmocka_unit_test(test_damaged),
	};
	return cmocka_run_group_tests(tests, store_builder_make_path, store_builder_remove_path);
}
