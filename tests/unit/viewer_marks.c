/* SPDX-License-Identifier: MIT */
/* Marks and events of ctrace/ctrace.h, in stores and reports, some of them damaged. */
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

static void add_mark(struct store_builder *builder, uint64_t ticks, const char *name)
{
	struct ct_section *strings = &builder->header.sections[CT_SECTION_STRINGS];
	struct ct_span span = {(uint32_t)strings->used, (uint32_t)strlen(name)};
	memcpy(builder->strings + span.offset, name, span.bytes);
	strings->used += span.bytes;
	builder->marks[builder->header.sections[CT_SECTION_MARKS].used++] =
		(struct ct_mark_row){.ticks = ticks, .total_bytes = 50, .live_bytes = 7, .name = span};
}

/* Site 2 becomes a site of events, at the stack of site 1. */
static void add_events(struct store_builder *builder, enum ct_pseudo mark)
{
	builder->nodes[4] = (struct ct_node){builder->sites[1].node, CT_MODULE_PSEUDO, mark};
	builder->header.sections[CT_SECTION_NODES].used = 5;
	builder->sites[2].node = 4;
	store_builder_event(builder, 0, 1000, 1, CT_EVENT_ALLOC, 10, 0);
	store_builder_event(builder, 0, 1001, 2, CT_EVENT_AD_HOC, 100, 0);
	store_builder_event(builder, 0, 1002, 2, CT_EVENT_AD_HOC, 11, 0);
}

static void open_store(struct store_builder *builder, struct ct_store_file *store)
{
	struct ct_error_text error;
	store_builder_write(builder, path);
	if (ct_store_file_open(path, store, &error))
		fail_msg("%s", error.line);
	free(builder);
}

static void test_marks(void **state)
{
	(void)state;
	struct store_builder *builder = store_builder_new();
	struct ct_store_file store;
	struct ct_profile *profile;
	struct ct_error_text error;
	add_mark(builder, 1000000, "one");
	add_mark(builder, 2000000, "bad \xff");
	open_store(builder, &store);
	assert_int_equal(ct_store_profile(&store, &profile, &error), 0);
	assert_int_equal(profile->mark_count, 2);
	assert_int_equal(profile->marks[0].time, 1000);
	assert_int_equal(profile->marks[0].total_bytes, 50);
	assert_int_equal(profile->marks[1].live_bytes, 7);
	assert_string_equal(profile->marks[0].name, "one");
	assert_string_equal(profile->marks[1].name, "bad \xef\xbf\xbd");
	ct_profile_free(profile);
	ct_store_file_close(&store);
}

/* When the program was younger, snapshots were taken at half the present distance. Every second one is dropped. */
static void test_snapshots(void **state)
{
	(void)state;
	struct store_builder *builder = store_builder_new();
	struct ct_section *section = &builder->header.sections[CT_SECTION_SNAPSHOTS];
	struct ct_store_file store;
	struct ct_profile *profile;
	struct ct_error_text error;
	const uint64_t distance = 1 << (10 + CT_SNAPSHOT_SHIFT);
	builder->header.timeline[0].shift = 10;
	for (uint64_t i = 1; i <= 5; i++) {
		struct ct_snapshot_row *rows = &builder->snapshots[section->used];
		rows[0] = (struct ct_snapshot_row){.blocks = 1, .bytes = i * distance / 2};
		rows[1] = (struct ct_snapshot_row){.site = 1, .blocks = 2, .bytes = 100 * i};
		section->used += 2;
	}
	store_builder_event(builder, 0, 100, 1, CT_EVENT_ALLOC, 10, 0);
	store_builder_event(builder, 0, 3 * distance + 5, 1, CT_EVENT_ALLOC, 20, 0);
	open_store(builder, &store);
	assert_int_equal(ct_store_profile(&store, &profile, &error), 0);
	assert_int_equal(profile->snapshot_count, 3);
	assert_int_equal(profile->snapshots[2].bytes, 10); /* before the event at which it is taken */
	for (uint64_t i = 0; i < 2; i++) {
		const struct ct_snapshot *snapshot = &profile->snapshots[i];
		assert_in_range(snapshot->time, (i + 1) * distance / 1000, (i + 1) * distance / 1000 + 1);
		assert_int_equal(snapshot->bytes, 200 * (i + 1));
		assert_int_equal(snapshot->blocks, 2);
		assert_int_equal(snapshot->row_count, 1);
	}
	ct_profile_free(profile);
	ct_store_file_close(&store);
}

/* Partial snapshots are kept at smaller distances. Their first row is what the sites without a row have together. */
static void test_partial_snapshots(void **state)
{
	(void)state;
	struct store_builder *builder = store_builder_new();
	struct ct_section *section = &builder->header.sections[CT_SECTION_SNAPSHOTS];
	struct ct_store_file store;
	struct ct_profile *profile;
	struct ct_error_text error;
	const uint64_t distance = 1 << (20 + CT_PARTIAL_SHIFT), bytes[] = {205, 405, 100001};
	builder->header.timeline[0].shift = 20;
	for (uint64_t i = 1; i <= 4; i++) {
		struct ct_snapshot_row *rows = &builder->snapshots[section->used];
		rows[0] = (struct ct_snapshot_row){.blocks = 2, .bytes = i * distance / 2};
		rows[1] = (struct ct_snapshot_row){.blocks = 1, .bytes = 5};
		rows[2] = (struct ct_snapshot_row){.site = 1, .blocks = 2, .bytes = 100 * i};
		section->used += 3;
	}
	/* The events that are not folded yet are large enough, too small, and late enough for a third snapshot. */
	store_builder_event(builder, 0, 2 * distance + 1, 1, CT_EVENT_ALLOC, 100000, 0);
	store_builder_event(builder, 0, 2 * distance + 2, 2, CT_EVENT_ALLOC, 1, 0);
	store_builder_event(builder, 0, 3 * distance + 5, 1, CT_EVENT_ALLOC, 20, 0);
	open_store(builder, &store);
	assert_int_equal(ct_store_profile(&store, &profile, &error), 0);
	assert_int_equal(profile->snapshot_count, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct ct_snapshot *snapshot = &profile->snapshots[i];
		assert_true(snapshot->partial);
		assert_int_equal(snapshot->row_count, 1);
		assert_in_range(snapshot->time, (i + 1) * distance / 1000, (i + 1) * distance / 1000 + 1);
		assert_int_equal(snapshot->bytes, bytes[i]);
		assert_int_equal(snapshot->blocks, i < 2 ? 3 : 2);
	}
	ct_profile_free(profile);
	ct_store_file_close(&store);
}

static void test_events(void **state)
{
	(void)state;
	struct store_builder *builder = store_builder_new();
	struct ct_store_file store;
	struct ct_profile *heap, *events;
	struct ct_error_text error;
	add_events(builder, CT_PSEUDO_EVENT);
	open_store(builder, &store);
	assert_true(ct_store_has_events(&store, CT_MODE_AD_HOC));
	assert_int_equal(store.header->totals.total_bytes, 10);
	assert_int_equal(ct_store_profile(&store, &heap, &error), 0);
	assert_int_equal(ct_store_events(&store, CT_MODE_AD_HOC, &events, &error), 0);
	assert_int_equal(heap->site_count, 1);
	assert_int_equal(heap->totals.total_bytes, 10);
	assert_int_equal(events->site_count, 1);
	assert_int_equal(events->mode, CT_MODE_AD_HOC);
	assert_int_equal(events->totals.total_bytes, 111);
	assert_int_equal(events->totals.total_blocks, 2);
	/* The stack is the same, without a frame for the pseudo node. */
	assert_int_equal(events->sites[0].frame_count, heap->sites[0].frame_count);
	assert_false(events->sites[0].truncated);
	ct_profile_free(heap);
	ct_profile_free(events);
	ct_store_file_close(&store);
}

/* Copies are not events, and have losses of their own. */
static void test_copies(void **state)
{
	(void)state;
	struct store_builder *builder = store_builder_new();
	struct ct_store_file store;
	struct ct_profile *heap, *copies;
	struct ct_error_text error;
	add_events(builder, CT_PSEUDO_COPY);
	builder->header.copies_dropped = 3;
	open_store(builder, &store);
	assert_false(ct_store_has_events(&store, CT_MODE_AD_HOC));
	assert_true(ct_store_has_events(&store, CT_MODE_COPY));
	assert_int_equal(ct_store_profile(&store, &heap, &error), 0);
	assert_int_equal(ct_store_events(&store, CT_MODE_COPY, &copies, &error), 0);
	assert_int_equal(heap->totals.total_bytes, 10);
	assert_int_equal(heap->losses.dropped, 0);
	assert_int_equal(copies->mode, CT_MODE_COPY);
	assert_string_equal(copies->verb, "Copied");
	assert_string_equal(copies->bytes_unit, "bytes");
	assert_int_equal(copies->site_count, 1);
	assert_int_equal(copies->totals.total_bytes, 111);
	assert_int_equal(copies->totals.total_blocks, 2);
	assert_int_equal(copies->losses.dropped, 3);
	ct_profile_free(heap);
	ct_profile_free(copies);
	ct_store_file_close(&store);
}

/* A kill has come between the undo record and the end of a change. Without a change, the site counts as it is. */
static void test_mappings(void **state)
{
	(void)state;
	for (uint64_t changes = 2; changes < 4; changes++) {
		struct store_builder *builder = store_builder_new();
		struct ct_mapping_counters *counters = &builder->header.mappings;
		struct ct_store_file store;
		struct ct_profile *heap, *mappings;
		struct ct_error_text error;
		builder->nodes[4] = (struct ct_node){builder->sites[1].node, CT_MODULE_PSEUDO, CT_PSEUDO_STACK};
		builder->header.sections[CT_SECTION_NODES].used = 5;
		builder->sites[2] = (struct ct_site){.total_bytes = 8192,
						     .total_blocks = 1,
						     .live_bytes = 8192,
						     .live_blocks = 1,
						     .max_bytes = 8192,
						     .max_blocks = 1,
						     .node = 4};
		counters->undo = builder->sites[2];
		counters->undo_totals = counters->totals = (struct ct_totals){.total_bytes = 8192,
									      .total_blocks = 1,
									      .live_bytes = 8192,
									      .live_blocks = 1,
									      .peak_bytes = 8192,
									      .peak_blocks = 1};
		counters->undo_site = 2;
		counters->changes = changes;
		counters->dropped = 5;
		builder->sites[2].total_bytes = builder->sites[2].max_bytes = 20480;
		builder->sites[2].live_bytes = 20480;
		counters->totals.peak_bytes = 20480;
		store_builder_event(builder, 0, 1000, 1, CT_EVENT_ALLOC, 10, 0);
		open_store(builder, &store);
		assert_int_equal(store.failed, 0);
		assert_true(ct_store_has_events(&store, CT_MODE_MAPPINGS));
		assert_int_equal(ct_store_profile(&store, &heap, &error), 0);
		assert_int_equal(ct_store_events(&store, CT_MODE_MAPPINGS, &mappings, &error), 0);
		assert_int_equal(heap->totals.total_bytes, 10);
		assert_int_equal(heap->totals.end_bytes, 10);
		assert_int_equal(mappings->mode, CT_MODE_MAPPINGS);
		assert_string_equal(mappings->blocks_unit, "mappings");
		assert_int_equal(mappings->totals.total_bytes, changes & 1 ? 8192 : 20480);
		assert_int_equal(mappings->totals.end_bytes, changes & 1 ? 8192 : 20480);
		assert_int_equal(mappings->totals.max_bytes, changes & 1 ? 8192 : 20480);
		assert_int_equal(mappings->losses.dropped, 5);
		/* A thread's stack has a frame that says so. */
		assert_int_equal(mappings->sites[0].frame_count, heap->sites[0].frame_count + 1);
		assert_false(mappings->sites[0].truncated);
		ct_profile_free(heap);
		ct_profile_free(mappings);
		ct_store_file_close(&store);
	}
}

static void assert_refused(struct store_builder *builder, const char *part)
{
	struct ct_error_text error;
	struct ct_store_file store;
	store_builder_write(builder, path);
	assert_int_not_equal(ct_store_file_open(path, &store, &error), 0);
	if (!strstr(error.line, part))
		fail_msg("'%s' lacks '%s'", error.line, part);
	ct_store_file_close(&store);
	free(builder);
}

static void test_damage(void **state)
{
	(void)state;
	struct store_builder *builder = store_builder_new();
	add_mark(builder, 2000, "late");
	add_mark(builder, 1000, "early");
	assert_refused(builder, "bad mark");
	builder = store_builder_new();
	add_mark(builder, 2000, "name");
	builder->marks[0].name.offset = 1 << 30;
	assert_refused(builder, "bad mark");
	builder = store_builder_new();
	add_mark(builder, 2000, "name");
	builder->marks[0].name = (struct ct_span){0, CT_MARK_NAME_MAX + 1};
	builder->header.sections[CT_SECTION_STRINGS].used = 4096;
	assert_refused(builder, "bad mark");
	builder = store_builder_new();
	builder->header.sections[CT_SECTION_MARKS].used = 1 << 20;
	assert_refused(builder, "more marks than");
	builder = store_builder_new();
	builder->header.sections[CT_SECTION_SNAPSHOTS].used = 3;
	builder->snapshots[0] = (struct ct_snapshot_row){.blocks = 2, .bytes = 9};
	assert_refused(builder, "unknown site"); /* only the first row may have site 0 */
	builder = store_builder_new();
	add_events(builder, CT_PSEUDO_EVENT);
	builder->nodes[4].parent = 0;
	assert_refused(builder, "an event without a stack");
	builder = store_builder_new();
	store_builder_event(builder, 0, 1000, 1, CT_EVENT_AD_HOC + 1, 10, 0);
	assert_refused(builder, "bad event");
}

static void load_marks(const char *marks, const char *wanted)
{
	struct ct_error_text error;
	struct ct_profile *profile = NULL;
	FILE *file = fopen(path, "wb");
	fprintf(file,
		"{\"dhatFileVersion\":2,\"mode\":\"heap\",\"verb\":\"Allocated\",\"bklt\":true,\"bkacc\":false,"
		"\"tu\":\"us\",\"Mtu\":\"s\",\"tuth\":1,\"cmd\":\"a\",\"pid\":1,\"te\":9,\"tg\":1,\"pps\":[],"
		"\"ftbl\":[\"[root]\"],\"ctrace\":{\"marks\":%s}}",
		marks);
	fclose(file);
	int code = ct_load(path, &profile, &error);
	if (!wanted) {
		assert_int_equal(code, 0);
		assert_int_equal(profile->mark_count, 1);
		ct_profile_free(profile);
	} else if (!code || !strstr(error.line, wanted)) {
		fail_msg("%s: '%s' lacks '%s'", marks, code ? error.line : "", wanted);
	}
}

static void test_damaged_reports(void **state)
{
	(void)state;
	load_marks("[[1,2,3,4,5,\"name\"]]", NULL);
	load_marks("3", "\"marks\" is not an array");
	load_marks("[7]", "not five numbers and a name");
	load_marks("[[1,2,3,4,5]]", "not five numbers and a name");
	load_marks("[[1,2,3,4,5,\"name\",7]]", "not five numbers and a name");
	load_marks("[[1,2,3,4,5,\"name\",7,8]]", "not five numbers and a name");
	load_marks("[[1,2,3,4,5,6]]", "name");
	load_marks("[[1,2,-3,4,5,\"name\"]]", "negative");
	load_marks("[[2,2,3,4,5,\"a\"],[1,2,3,4,5,\"b\"]]", "go back in time");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_snapshots),
		cmocka_unit_test(test_partial_snapshots),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_mappings),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_damaged_reports),
	};
	return cmocka_run_group_tests_name("viewer_marks", tests, store_builder_make_path, store_builder_remove_path);
}
