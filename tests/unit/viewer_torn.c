/* SPDX-License-Identifier: MIT */
/* The checks of a store that was copied while it was written: each catches its fault, and none a whole store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "load/load.h"
#include "load/store/store_file.h"
#include "store_builder.h"

#define LATE 1000000 /* ticks of the events that are folded: far above the slack of a clock */

/* Each ring has two allocations, one freed and one resized. All are folded, at the times LATE + 10, 20, ... */
static struct store_builder *folded(void)
{
	struct store_builder *builder = store_builder_new();
	uint64_t ticks = LATE;
	for (uint32_t ring = 0; ring < BUILDER_RINGS; ring++) {
		store_builder_event(builder, ring, ticks + 10, 1, CT_EVENT_ALLOC, 100, 0);
		store_builder_event(builder, ring, ticks + 20, 2, CT_EVENT_ALLOC, 50, 0);
		store_builder_event(builder, ring, ticks + 30, 2, CT_EVENT_FREE, 50, ticks + 20);
		store_builder_event(builder, ring, ticks + 40, 1, CT_EVENT_RESIZE, 120, 100);
		ticks += 40;
	}
	for (uint32_t ring = 0; ring < BUILDER_RINGS; ring++) {
		for (uint64_t i = 0; i < builder->rings[ring].head; i++) {
			const struct ct_event *event = &builder->events[ct_ring_slot(ring, i)];
			store_builder_fold(builder->sites, &builder->header.totals,
					   &builder->header.sections[CT_SECTION_COUNTERS], builder->counters, event);
		}
		builder->rings[ring].tail[0] = builder->rings[ring].head;
	}
	return builder;
}

static unsigned failed_checks(struct store_builder *builder)
{
	struct ct_store_file store;
	struct ct_error_text error;
	store_builder_write(builder, store_builder_path);
	if (ct_store_file_open(store_builder_path, &store, &error))
		fail_msg("%s", error.line);
	unsigned failed = store.failed;
	ct_store_file_close(&store);
	free(builder);
	return failed;
}

static void total_of_a_site(struct store_builder *builder)
{
	builder->sites[1].total_bytes++;
}

static void live_of_a_site(struct store_builder *builder)
{
	builder->sites[1].live_bytes--;
}

static void live_of_the_process(struct store_builder *builder)
{
	builder->header.totals.live_blocks++;
}

static void peak_of_the_process(struct store_builder *builder)
{
	builder->header.totals.peak_bytes++;
}

static void maximum_below_the_end(struct store_builder *builder)
{
	builder->sites[1].max_bytes = 1;
}

static void births_without_blocks(struct store_builder *builder)
{
	builder->sites[2].birth_ticks = 1;
}

static void blocks_above_the_total(struct store_builder *builder)
{
	builder->sites[1].max_blocks = 1000;
}

static void events_that_no_site_has(struct store_builder *builder)
{
	builder->rings[1].head += 2;
	builder->rings[1].tail[0] += 2;
}

static void resizes_of_an_earlier_moment(struct store_builder *builder)
{
	builder->sites[1].resizes--;
}

static void counter_of_an_earlier_moment(struct store_builder *builder)
{
	store_builder_event(builder, 0, 5, 1, CT_EVENT_ALLOC, 1, 0);
	builder->rings[0].tail[0]++;
	store_builder_fold(builder->sites, &builder->header.totals, &builder->header.sections[CT_SECTION_COUNTERS],
			   builder->counters, &builder->events[4]);
	builder->counters[builder->sites[1].histogram.base]++;
}

static void counters_of_an_earlier_moment(struct store_builder *builder)
{
	counter_of_an_earlier_moment(builder);
	builder->header.sections[CT_SECTION_COUNTERS].used--;
}

static void event_before_the_one_before(struct store_builder *builder)
{
	store_builder_event(builder, 0, 5, 1, CT_EVENT_ALLOC, 1, 0);
}

static void second_event_before_the_folded(struct store_builder *builder)
{
	builder->events[ct_ring_slot(2, 3)].ticks = 1;
	store_builder_event(builder, 2, 5, 1, CT_EVENT_ALLOC, 1, 0);
	store_builder_event(builder, 2, 6, 1, CT_EVENT_ALLOC, 1, 0);
}

static void string_that_is_not_written(struct store_builder *builder)
{
	memset(builder->strings, 0, 4);
}

static void node_that_is_not_written(struct store_builder *builder)
{
	builder->nodes[3] = (struct ct_node){0};
}

static void module_that_is_not_written(struct store_builder *builder)
{
	builder->modules[1] = (struct ct_module){0};
}

static void cut_that_is_not_counted(struct store_builder *builder)
{
	builder->nodes[1].module = CT_MODULE_PSEUDO;
	builder->nodes[1].address = CT_PSEUDO_CUT;
}

static void test_each_check(void **state)
{
	(void)state;
	static const struct {
		void (*tear)(struct store_builder *builder);
		enum ct_store_check check;
	} cases[] = {
		{total_of_a_site, CT_STORE_CHECK_TOTAL},
		{live_of_a_site, CT_STORE_CHECK_END},
		{live_of_the_process, CT_STORE_CHECK_END},
		{peak_of_the_process, CT_STORE_CHECK_PEAK},
		{maximum_below_the_end, CT_STORE_CHECK_ORDER},
		{births_without_blocks, CT_STORE_CHECK_ORDER},
		{blocks_above_the_total, CT_STORE_CHECK_BLOCKS},
		{events_that_no_site_has, CT_STORE_CHECK_EVENTS},
		{resizes_of_an_earlier_moment, CT_STORE_CHECK_EVENTS},
		{resizes_of_an_earlier_moment, CT_STORE_CHECK_HISTOGRAMS},
		{counter_of_an_earlier_moment, CT_STORE_CHECK_HISTOGRAMS},
		{counters_of_an_earlier_moment, CT_STORE_CHECK_HISTOGRAMS},
		{event_before_the_one_before, CT_STORE_CHECK_EVENTS},
		{second_event_before_the_folded, CT_STORE_CHECK_EVENTS},
		{string_that_is_not_written, CT_STORE_CHECK_NAMES},
		{node_that_is_not_written, CT_STORE_CHECK_NAMES},
		{module_that_is_not_written, CT_STORE_CHECK_NAMES},
		{cut_that_is_not_counted, CT_STORE_CHECK_ROOTS},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_builder *builder = folded();
		cases[i].tear(builder);
		unsigned failed = failed_checks(builder);
		if (!(failed & 1u << cases[i].check))
			fail_msg("case %zu: %x", i, failed);
	}
}

/* The free of a block without its allocation: nothing in the profile may be near 2^64. */
static void test_negative_numbers(void **state)
{
	(void)state;
	struct store_builder *builder = folded();
	struct ct_store_file store;
	struct ct_error_text error;
	struct ct_profile *profile;
	builder->sites[2].live_bytes = builder->header.totals.live_bytes = -5;
	builder->sites[2].live_blocks = builder->header.totals.live_blocks = -1;
	builder->sites[2].peak_bytes = builder->header.totals.peak_bytes = (uint64_t)-5;
	builder->sites[2].peak_blocks = builder->header.totals.peak_blocks = (uint64_t)-1;
	store_builder_write(builder, store_builder_path);
	free(builder);
	assert_int_equal(ct_store_file_open(store_builder_path, &store, &error), 0);
	assert_int_not_equal(store.failed & (1u << CT_STORE_CHECK_ORDER | 1u << CT_STORE_CHECK_BLOCKS), 0);
	assert_int_equal(ct_store_profile(&store, &profile, &error), 0);
	assert_int_equal(profile->totals.end_bytes, BUILDER_RINGS * 120); /* of the other site */
	for (size_t i = 0; i < profile->site_count; i++) {
		const struct ct_counters *counters = &profile->sites[i].counters;
		assert_in_range(counters->end_bytes, 0, 1000);
		assert_in_range(counters->end_blocks, 0, 1000);
		assert_in_range(counters->peak_bytes, 0, 1000);
		assert_in_range(counters->peak_blocks, 0, 1000);
	}
	ct_profile_free(profile);
	ct_store_file_close(&store);
}

static void test_whole(void **state)
{
	(void)state;
	assert_int_equal(failed_checks(folded()), 0);
	assert_int_equal(failed_checks(store_builder_new()), 0);
}

/* The section of counters could not grow: whatever the sites say, there are no histograms. The rest is whole. */
static void test_no_histograms(void **state)
{
	(void)state;
	struct store_builder *builder = folded();
	struct ct_error_text error;
	struct ct_profile *profile;
	builder->sites[1].histogram = (struct ct_histogram){77, 1, 9, 1, 9};
	builder->header.sections[CT_SECTION_COUNTERS].used = 0;
	store_builder_event(builder, 0, LATE + 500, 1, CT_EVENT_ALLOC, 1 << 20, 0);
	store_builder_write(builder, store_builder_path);
	assert_int_equal(ct_load(store_builder_path, &profile, &error), 0);
	assert_false(profile->has_histograms);
	assert_false(profile->torn);
	assert_int_equal(profile->totals.total_blocks, 3 * BUILDER_RINGS + 1);
	ct_profile_free(profile);
	assert_int_equal(failed_checks(builder), 0);
}

/* A thread read the clock, and published its event after the others had been folded. */
static void test_late_event(void **state)
{
	(void)state;
	struct store_builder *builder = folded();
	builder->events[ct_ring_slot(2, 3)].ticks = 4;
	store_builder_event(builder, 2, 5, 1, CT_EVENT_ALLOC, 1, 0);
	store_builder_event(builder, 2, LATE + 500, 1, CT_EVENT_ALLOC, 1, 0);
	assert_int_equal(failed_checks(builder), 0);
}

/* The missed free comes first, but the time of the new block was read before it. A round came in between. */
static void test_free_that_was_missed(void **state)
{
	(void)state;
	struct store_builder *builder = folded();
	store_builder_event(builder, 0, LATE + 900, 1, CT_EVENT_FREE, 120, LATE + 10);
	store_builder_event(builder, 0, LATE + 800, 1, CT_EVENT_ALLOC, 7, 0);
	assert_int_equal(failed_checks(builder), 0);
	builder = folded();
	builder->events[ct_ring_slot(2, 3)].ticks = 1;
	store_builder_event(builder, 2, 900, 1, CT_EVENT_FREE, 120, 800);
	store_builder_event(builder, 2, 800, 1, CT_EVENT_ALLOC, 7, 0);
	assert_int_equal(failed_checks(builder), 0);
	/* Two such events cannot come from one hook. */
	builder = folded();
	store_builder_event(builder, 0, LATE + 900, 1, CT_EVENT_FREE, 120, LATE + 10);
	store_builder_event(builder, 0, LATE + 800, 1, CT_EVENT_ALLOC, 7, 0);
	store_builder_event(builder, 0, LATE + 700, 1, CT_EVENT_ALLOC, 7, 0);
	assert_int_equal(failed_checks(builder), 1u << CT_STORE_CHECK_EVENTS);
}

/* A forked child has its own rings, and a sampled event represents several blocks. */
static void test_number_of_events_unknown(void **state)
{
	(void)state;
	struct store_builder *builder = folded();
	events_that_no_site_has(builder);
	builder->header.flags |= CT_STORE_FORKED;
	assert_int_equal(failed_checks(builder), 0);
	builder = folded();
	events_that_no_site_has(builder);
	builder->header.sample_bytes = 1024;
	assert_int_equal(failed_checks(builder), 0);
}

/* In a copy, everything that was not folded is folded. */
static void test_copy(void **state)
{
	(void)state;
	struct store_builder *builder = folded();
	struct ct_store_file store, copy;
	struct ct_error_text error;
	store_builder_event(builder, 1, LATE + 999, 1, CT_EVENT_ALLOC, 7, 0);
	store_builder_write(builder, store_builder_path);
	assert_int_equal(ct_store_file_open(store_builder_path, &store, &error), 0);
	assert_int_equal(store.replayed, 1);
	FILE *file = fopen(store_builder_path, "w");
	assert_int_equal(ct_store_file_write(&store, file, &error), 0);
	fclose(file);
	assert_int_equal(ct_store_file_open(store_builder_path, &copy, &error), 0);
	assert_int_equal(copy.failed, 0);
	assert_int_equal(copy.replayed, 0);
	assert_memory_equal(&copy.header->totals, &store.header->totals, sizeof(store.header->totals));
	assert_memory_equal(copy.sites, store.sites, store.site_count * sizeof(*store.sites));
	assert_int_equal(copy.end_ticks, store.end_ticks);
	ct_store_file_close(&store);
	ct_store_file_close(&copy);
	free(builder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_check),
		cmocka_unit_test(test_negative_numbers),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_no_histograms),
		cmocka_unit_test(test_late_event),
		cmocka_unit_test(test_free_that_was_missed),
		cmocka_unit_test(test_number_of_events_unknown),
		cmocka_unit_test(test_copy),
	};
	return cmocka_run_group_tests(tests, store_builder_make_path, store_builder_remove_path);
}
