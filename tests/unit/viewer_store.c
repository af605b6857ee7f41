/* SPDX-License-Identifier: MIT */
/* The store reader: stores of processes killed at any moment, and damage of every kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctrace/fold.h"
#include "load/load.h"
#include "load/store/store_file.h"
#include "store_builder.h"

#define EVENTS 400 /* several batches */
#define FLIPS 3000

static char *const path = store_builder_path;

/* Events of three threads, time after time; every third block is freed by another thread. */
static void fill_rings(struct store_builder *builder)
{
	for (uint32_t i = 0; i < EVENTS; i++) {
		uint64_t ticks = 100 + 10 * i;
		store_builder_event(builder, i % 3, ticks, 1 + i % 2, CT_EVENT_ALLOC, 10 + i % 7, 0);
		if (i % 3 == 2)
			store_builder_event(builder, (i + 1) % 3, ticks + 5, 1 + i % 2, CT_EVENT_FREE, 10 + i % 7,
					    i % 9 == 2 ? 0 : ticks + 5 - (1u << (10 + i / 3 % 5)));
		if (i % 50 == 49)
			store_builder_event(builder, i % 3, ticks + 7, 1 + i % 2, CT_EVENT_RESIZE, 5, 10 + i % 7);
	}
}

/* All events of the rings in the order of their merge. */
static uint32_t merged(const struct store_builder *builder, const struct ct_event **order)
{
	uint64_t at[BUILDER_RINGS] = {0};
	for (uint32_t count = 0;; count++) {
		const struct ct_event *first = NULL;
		uint32_t from = 0;
		for (uint32_t ring = 0; ring < BUILDER_RINGS; ring++) {
			const struct ct_event *event = &builder->events[ct_ring_slot(ring, at[ring])];
			if (at[ring] < builder->rings[ring].head && (!first || event->ticks < first->ticks)) {
				first = event;
				from = ring;
			}
		}
		if (!first)
			return count;
		at[from]++;
		order[count] = first;
	}
}

static void open_store(struct store_builder *builder, struct ct_store_file *store)
{
	struct ct_error_text error;
	store_builder_write(builder, path);
	int code = ct_store_file_open(path, store, &error);
	if (code)
		fail_msg("%s", error.line);
}

static void assert_same_counters(const struct ct_store_file *store, const struct store_builder *builder,
				 const struct ct_site *sites, const struct ct_totals *totals)
{
	assert_memory_equal(&store->header->totals, totals, sizeof(*totals));
	assert_int_equal(store->failed & 1u << CT_STORE_CHECK_HISTOGRAMS, 0);
	for (uint32_t i = 1; i < 3; i++) {
		const struct ct_site *a = &store->sites[i], *b = &sites[i];
		struct store_builder_blocks blocks = store_builder_blocks(a, store->counters);
		struct store_builder_blocks wanted = store_builder_expected(builder, i);
		assert_memory_equal(&blocks, &wanted, sizeof(blocks));
		assert_int_equal(a->total_bytes, b->total_bytes);
		assert_int_equal(a->total_blocks, b->total_blocks);
		assert_int_equal(a->live_bytes, b->live_bytes);
		assert_int_equal(a->max_bytes, b->max_bytes);
		assert_int_equal(a->max_blocks, b->max_blocks);
		assert_true(a->lifetime_ticks == b->lifetime_ticks);
		assert_true(a->birth_ticks == b->birth_ticks);
		assert_int_equal(ct_site_peak_bytes(a, &store->header->totals), ct_site_peak_bytes(b, totals));
	}
}

static void expected(const struct store_builder *builder, struct ct_site *sites, struct ct_totals *totals)
{
	const struct ct_event *order[3 * EVENTS];
	uint32_t count = merged(builder, order);
	memset(sites, 0, BUILDER_SITES * sizeof(*sites));
	*totals = (struct ct_totals){.start_ticks = builder->header.totals.start_ticks};
	struct ct_section section = {.used = 1};
	uint64_t counters[BUILDER_COUNTERS];
	for (uint32_t i = 0; i < count; i++)
		store_builder_fold(sites, totals, &section, counters, order[i]);
}

static void test_nothing_folded_yet(void **state)
{
	(void)state;
	struct store_builder *builder = store_builder_new();
	struct ct_store_file store;
	struct ct_site sites[BUILDER_SITES];
	struct ct_totals totals;
	fill_rings(builder);
	expected(builder, sites, &totals);
	open_store(builder, &store);
	assert_same_counters(&store, builder, sites, &totals);
	ct_store_file_close(&store);
	free(builder);
}

static void fold(struct store_builder *builder, const struct ct_event *event)
{
	store_builder_fold(builder->sites, &builder->header.totals, &builder->header.sections[CT_SECTION_COUNTERS],
			   builder->counters, event);
}

/* Put the store into the state of a kill: whole batches folded, then `half` events of one more. */
static void kill_in_round(struct store_builder *builder, uint32_t batches, uint32_t half)
{
	struct ct_progress *progress = &builder->header.progress;
	const struct ct_event *order[3 * EVENTS];
	uint32_t count = merged(builder, order);
	uint32_t done = batches * CT_BATCH_EVENTS;
	uint64_t round = 6;
	for (uint32_t ring = 0; ring < BUILDER_RINGS; ring++) {
		builder->rings[ring].limit = builder->rings[ring].head;
		builder->rings[ring].tail[1] = 77; /* the tail of the other parity, which must be ignored */
	}
	progress->rings = BUILDER_RINGS;
	progress->limits_round = round + 1;
	for (uint32_t i = 0; i < done && i < count; i++)
		fold(builder, order[i]);
	progress->progress = round << 32 | done;
	progress->undo_mark = progress->progress + 1;
	progress->undo_totals = builder->header.totals;
	for (uint32_t i = done; i < done + half && i < count; i++) {
		uint32_t id = order[i]->site, kept = 0;
		while (kept < progress->undo_count && progress->undo_ids[kept] != id)
			kept++;
		if (kept == progress->undo_count) {
			progress->undo_ids[kept] = id;
			progress->undo_sites[kept] = builder->sites[id];
			progress->undo_count++;
		}
		fold(builder, order[i]);
	}
	/* The last write before the kill was in the middle of a fold. */
	if (half)
		builder->sites[order[done]->site].total_bytes += 12345;
}

static void test_killed_in_any_event(void **state)
{
	(void)state;
	struct ct_site sites[BUILDER_SITES];
	struct ct_totals totals;
	for (uint32_t batches = 0; batches < 4; batches++)
		for (uint32_t half = 0; half < CT_BATCH_EVENTS; half += 3) {
			struct store_builder *builder = store_builder_new();
			struct ct_store_file store;
			fill_rings(builder);
			/* From 90 on, the segment does not have the blocks that were born at 0. */
			builder->header.totals.start_ticks = half % 2 * 90;
			expected(builder, sites, &totals);
			kill_in_round(builder, batches, half);
			open_store(builder, &store);
			assert_same_counters(&store, builder, sites, &totals);
			ct_store_file_close(&store);
			free(builder);
		}
}

static void test_events_after_the_limits(void **state)
{
	(void)state;
	struct store_builder *builder = store_builder_new();
	struct ct_store_file store;
	fill_rings(builder);
	kill_in_round(builder, 1, 5);
	store_builder_event(builder, 0, 1 << 20, 1, CT_EVENT_ALLOC, 1000000, 0);
	open_store(builder, &store);
	assert_int_equal(store.header->totals.peak_bytes, store.header->totals.live_bytes);
	assert_true(store.header->totals.live_bytes > 1000000);
	ct_store_file_close(&store);
	free(builder);
}

/* A thread read the clock and was stopped. Before it published its event, others continued and were folded. */
static void test_late_event(void **state)
{
	(void)state;
	struct store_builder *builder = store_builder_new();
	struct ct_store_file store;
	fill_rings(builder);
	builder->header.timeline[0].shift = 10;
	kill_in_round(builder, 1, 5);
	store_builder_event(builder, 0, 150, 1, CT_EVENT_ALLOC, 1000, 0);
	open_store(builder, &store);
	const struct ct_timeline *timeline = &store.header->timeline[0];
	const struct ct_timeline_bucket *last = &timeline->bucket[timeline->used - 1];
	assert_true(timeline->used > 1);
	assert_int_equal(last->last_bytes, store.header->totals.live_bytes);
	assert_true(last->max_bytes >= last->last_bytes);
	ct_store_file_close(&store);
	free(builder);
}

static void test_profile_of_a_store(void **state)
{
	(void)state;
	struct store_builder *builder = store_builder_new();
	struct ct_error_text error;
	struct ct_profile *profile;
	store_builder_event(builder, 0, 1000, 1, CT_EVENT_ALLOC, 100, 0);
	store_builder_event(builder, 1, 2000, 2, CT_EVENT_ALLOC, 50, 0);
	store_builder_event(builder, 1, 4000, 1, CT_EVENT_FREE, 100, 1000);
	store_builder_write(builder, path);
	assert_int_equal(ct_load(path, &profile, &error), CT_OK);
	assert_int_equal(profile->site_count, 2);
	assert_int_equal(profile->totals.total_bytes, 150);
	assert_int_equal(profile->totals.peak_bytes, 150);
	assert_int_equal(profile->totals.end_bytes, 50);
	assert_int_equal(profile->end_time, 5000);
	assert_false(profile->ended);
	const struct ct_site_row *site = &profile->sites[0];
	assert_int_equal(site->counters.lifetime, 3);
	assert_int_equal(profile->sites[1].counters.lifetime, 4998); /* the block lives until the end */
	assert_int_equal(site->frame_count, 2);
	const struct ct_frame *leaf = &profile->frames[profile->frame_ids[site->first_frame]];
	assert_string_equal(profile->strings[leaf->text], "0x2000: ??? (in /nowhere/app)");
	ct_profile_free(profile);
	free(builder);
}

/* Load whatever is in the file. This may fail with a line, but nothing else may happen. */
static int load_anything(void)
{
	struct ct_error_text error = {{0}};
	struct ct_profile *profile;
	int code = ct_load(path, &profile, &error);
	if (code)
		assert_true(strlen(error.line) > strlen(path));
	else
		ct_profile_free(profile);
	return code;
}

static void test_truncated(void **state)
{
	(void)state;
	struct store_builder *builder = store_builder_new();
	fill_rings(builder);
	long bytes = store_builder_write(builder, path);
	for (long cut = bytes - 1; cut >= 0; cut -= cut > 8192 ? 4093 : 257) {
		assert_int_equal(truncate(path, cut), 0);
		assert_true(load_anything() < 0);
	}
	free(builder);
}

static void test_flipped_bits(void **state)
{
	(void)state;
	struct store_builder *builder = store_builder_new();
	fill_rings(builder);
	kill_in_round(builder, 1, 50);
	long bytes = store_builder_write(builder, path);
	uint64_t random = 1;
	int refused = 0;
	FILE *file = fopen(path, "r+b");
	setvbuf(file, NULL, _IONBF, 0);
	for (int i = 0; i < FLIPS; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		/* Half of the damage is where most of the structure is. */
		long at = (long)((random >> 20) % (uint64_t)(i & 1 ? bytes : 1200));
		int old, bit = 1 << (random >> 60 & 7);
		fseek(file, at, SEEK_SET);
		old = fgetc(file);
		fseek(file, at, SEEK_SET);
		fputc(old ^ bit, file);
		refused += load_anything() < 0;
		fseek(file, at, SEEK_SET);
		fputc(old, file);
	}
	fclose(file);
	assert_int_equal(load_anything(), CT_OK);
	assert_true(refused > 100); /* the check can fail */
	free(builder);
}

/* Check that the store is refused, and why. Returns a sound one. */
static struct store_builder *refused(struct store_builder *builder, const char *why)
{
	struct ct_error_text error;
	struct ct_profile *profile;
	store_builder_write(builder, path);
	assert_true(ct_load(path, &profile, &error) < 0);
	if (!strstr(error.line, why) || strncmp(error.line, path, strlen(path)))
		fail_msg("'%s' lacks '%s'", error.line, why);
	free(builder);
	return store_builder_new();
}

static void test_named_damage(void **state)
{
	(void)state;
	struct store_builder *builder = store_builder_new();
	builder->header.version = 99;
	builder = refused(builder, "store version 99");
	builder->nodes[2].parent = 3; /* a cycle */
	builder = refused(builder, "bad node");
	builder->sites[1].node = 31;
	builder = refused(builder, "site without a stack");
	builder->header.sections[CT_SECTION_SITES].used = UINT64_MAX / 64;
	builder = refused(builder, "more sites than");
	builder->rings[0].head = ct_ring_events(0) + 1;
	builder = refused(builder, "ring positions");
	store_builder_event(builder, 0, 1, 9, CT_EVENT_ALLOC, 1, 0);
	builder = refused(builder, "bad event");
	builder->header.output.offset = 1 << 30;
	builder = refused(builder, "string outside");
	store_builder_event(builder, 0, 1, 1, CT_EVENT_FREE, 1ull << 63, 0);
	builder = refused(builder, "impossible size");
	builder->sites[1].live_bytes = INT64_MAX;
	store_builder_event(builder, 0, 1, 1, CT_EVENT_ALLOC, 1, 0);
	builder = refused(builder, "impossible size");
	builder->header.machine = 243;
	builder = refused(builder, "unknown machine (ELF number 243)");
	builder->header.byte_order = 0x04030201;
	builder = refused(builder, "another byte order");
	builder->header.progress.undo_mark = 1;
	builder->header.progress.undo_count = CT_BATCH_EVENTS + 1;
	builder = refused(builder, "undo count");
	builder->header.progress.undo_mark = 1;
	builder->header.progress.undo_count = 1; /* of site 0 */
	builder = refused(builder, "undo of an unknown site");
	fill_rings(builder);
	kill_in_round(builder, 0, 0);
	builder->header.progress.progress |= CT_ROUND_BY_SITE | BUILDER_SITES;
	builder = refused(builder, "more entries of a slice than sites in it");
	for (uint32_t site = 1; site < UINT32_MAX; site = site == 1 ? 999 : UINT32_MAX) { /* twice the same, unknown */
		builder->header.sections[CT_SECTION_REACH].used = 2;
		builder->reach[0].site = 1;
		builder->reach[1].site = site;
		builder = refused(builder, "reachability");
	}
	free(builder);
}

/* A string's bytes are claimed before there is room, so a kill in between loses only that string. */
static void test_killed_while_adding_a_string(void **state)
{
	(void)state;
	struct store_builder *builder = store_builder_new();
	struct ct_store_file store;
	store_builder_event(builder, 0, 1000, 1, CT_EVENT_ALLOC, 100, 0);
	builder->header.sections[CT_SECTION_STRINGS].used = 1 << 20;
	open_store(builder, &store);
	assert_int_equal(store.header->totals.total_bytes, 100);
	ct_store_file_close(&store);
	free(builder);
}

static struct ct_profile *load(struct store_builder *builder)
{
	struct ct_error_text error;
	struct ct_profile *profile = NULL;
	store_builder_write(builder, path);
	if (ct_load(path, &profile, &error))
		fail_msg("%s", error.line);
	free(builder);
	return profile;
}

/* An hour at 3 ticks per nanosecond, then a recording that takes no time at all. */
static void test_clock(void **state)
{
	(void)state;
	const uint64_t hour_ns = 3600000000000u;
	struct store_builder *builder = store_builder_new();
	builder->header.clock = CT_CLOCK_TSC;
	builder->header.latest_ticks = 3 * hour_ns;
	builder->header.latest_ns = builder->header.boot_ns + hour_ns;
	store_builder_event(builder, 0, 3000, 1, CT_EVENT_ALLOC, 100, 0);
	store_builder_event(builder, 1, 9000, 2, CT_EVENT_ALLOC, 1, 0);
	store_builder_event(builder, 1, 3 * hour_ns + 6000, 1, CT_EVENT_FREE, 100, 3000);
	struct ct_profile *profile = load(builder);
	assert_int_equal(profile->end_time, 3600000002); /* the free is the last event */
	assert_int_equal(profile->peak_time, 3);
	assert_int_equal(profile->sites[0].counters.lifetime, 3600000001);
	assert_int_equal(profile->sites[1].counters.lifetime, 3599999999);
	ct_profile_free(profile);

	builder = store_builder_new();
	builder->header.clock = CT_CLOCK_TSC;
	builder->header.latest_ticks = 0;
	builder->header.latest_ns = builder->header.boot_ns;
	profile = load(builder);
	assert_int_equal(profile->end_time, 1); /* dh_view divides by it */
	assert_int_equal(profile->peak_time, 0);
	assert_int_equal(profile->site_count, 0);
	ct_profile_free(profile);
}

/* After a normal end, the end time is the one that the program wrote, not that of its last event. */
static void test_end(void **state)
{
	(void)state;
	struct store_builder *builder = store_builder_new();
	builder->header.state = CT_STATE_ENDED;
	builder->header.end_ticks = 9000000;
	store_builder_event(builder, 0, 1000000, 1, CT_EVENT_ALLOC, 100, 0);
	struct ct_profile *profile = load(builder);
	assert_true(profile->ended);
	assert_int_equal(profile->end_time, 9000);
	assert_int_equal(profile->sites[0].counters.lifetime, 8000);
	ct_profile_free(profile);
}

/* The same texts in three modules of one name are three stacks. The same place reached twice is one stack. */
static void test_texts_of_several_modules(void **state)
{
	(void)state;
	struct store_builder *builder = store_builder_new();
	struct ct_section *sections = builder->header.sections;
	for (uint32_t module = 2; module < 4; module++)
		builder->modules[module].path = builder->modules[1].path; /* rebuilt during the run */
	builder->modules[2].build_id_bytes = builder->modules[3].build_id_bytes = 4;
	builder->modules[3].build_id[0] = 1;
	sections[CT_SECTION_MODULES].used = 4;
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t node = (uint32_t)sections[CT_SECTION_NODES].used++;
		builder->nodes[node] = (struct ct_node){0, 1 + i, 0x5000};
		uint32_t site = (uint32_t)sections[CT_SECTION_SITES].used++;
		builder->sites[site].node = node;
		store_builder_event(builder, 0, 1000 + i, site, CT_EVENT_ALLOC, 10, 0);
	}
	struct ct_profile *profile = load(builder);
	assert_int_equal(profile->site_count, 3);
	assert_int_equal(profile->losses.merged_sites, 0);
	const char *texts[3];
	for (int i = 0; i < 3; i++)
		texts[i] = profile->strings[profile->frames[profile->frame_ids[profile->sites[i].first_frame]].text];
	assert_string_equal(texts[0], "0x5000: ??? (in /nowhere/app)");
	assert_string_equal(texts[1], "0x5000: ??? (in /nowhere/app) [app]");
	assert_true(strcmp(texts[2], texts[1]) != 0 && strcmp(texts[2], texts[0]) != 0);
	ct_profile_free(profile);
}

static void test_marks(void **state)
{
	(void)state;
	struct store_builder *builder = store_builder_new();
	builder->nodes[1] = (struct ct_node){0, CT_MODULE_PSEUDO, CT_PSEUDO_CUT}; /* where main was */
	builder->nodes[3].module = CT_MODULE_NONE;
	store_builder_event(builder, 0, 1000, 1, CT_EVENT_ALLOC, 10, 0);
	store_builder_event(builder, 0, 1000, 2, CT_EVENT_ALLOC, 10, 0);
	struct ct_profile *profile = load(builder);
	const struct ct_site_row *site = &profile->sites[0];
	assert_true(site->truncated);
	assert_string_equal(profile->strings[profile->frames[profile->frame_ids[site->first_frame + 1]].text],
			    "[frames cut]");
	site = &profile->sites[1];
	assert_string_equal(profile->strings[profile->frames[profile->frame_ids[site->first_frame]].text],
			    "0x3000: ??? (in ?\?\?)");
	ct_profile_free(profile);
}

/* Each loss is a separate count in the store. How often libunwind walked a stack is not a loss. */
static void test_losses(void **state)
{
	(void)state;
	struct store_builder *builder = store_builder_new();
	for (uint64_t i = 0; i < CT_LOSS_COUNT; i++)
		builder->header.losses[i] = i + 1;
	struct ct_profile *profile = load(builder);
	const struct ct_losses expected = {
		.dropped = CT_LOSS_DROPPED + 1,
		.early = CT_LOSS_EARLY + 1,
		.unknown_frees = CT_LOSS_UNKNOWN_FREE + 1,
		.truncated = CT_LOSS_TRUNCATED + 1,
		.unrooted = CT_LOSS_UNROOTED + 1,
		.late = CT_LOSS_LATE + 1,
		.paused = CT_LOSS_PAUSED + 1,
		.marks = CT_LOSS_MARKS + 1,
	};
	assert_memory_equal(&profile->losses, &expected, sizeof(expected));
	ct_profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_folded_yet),
		cmocka_unit_test(test_killed_in_any_event),
		cmocka_unit_test(test_events_after_the_limits),
		cmocka_unit_test(test_late_event),
		cmocka_unit_test(test_profile_of_a_store),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_losses),
		cmocka_unit_test(test_flipped_bits),
		cmocka_unit_test(test_named_damage),
		cmocka_unit_test(test_killed_while_adding_a_string),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_texts_of_several_modules),
		cmocka_unit_test(test_marks),
	};
	return cmocka_run_group_tests_name("viewer_store", tests, store_builder_make_path, store_builder_remove_path);
}
