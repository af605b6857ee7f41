/* SPDX-License-Identifier: MIT */
/* The look at a process's memory that a store keeps: read as it was taken, or, if it is damaged, not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load/load.h"
#include "load/store/store_last_look.h"
#include "store_builder.h"

#define SITES 3

static struct ct_taken_site sites[SITES] = {
	[1] = {.live = 100, .blocks = 1, .resident = 60, .untouched = 40, .alone = 4096, .share = 30},
	[2] = {.live = 50, .blocks = 1, .resident = 20, .swapped = 30, .share = 7},
};
static struct ct_taken_mapping mappings[SITES];
static const struct ct_taken taken = {
	.ledger = {.rss_bytes = 9000,
		   .bytes = {[CT_LEDGER_LIVE] = 80, [CT_LEDGER_FREE] = 37, [CT_LEDGER_FILES] = 8800},
		   .swapped_bytes = 30,
		   .heap_bytes = 117,
		   .pinned_bytes = 37,
		   .live_bytes = 150,
		   .live_blocks = 2,
		   .live_swapped_bytes = 30,
		   .live_untouched_bytes = 40,
		   .took_ns = 1234,
		   .has_sites = true,
		   .late = true},
	.sites = sites,
	.mappings = mappings,
	.site_count = SITES,
};

static void open_store(struct ct_store_file *store)
{
	struct ct_error_text error;
	if (ct_store_file_open(store_builder_path, store, &error))
		fail_msg("%s", error.line);
	assert_int_equal(store->failed, 0);
	assert_int_equal(store->site_count, SITES);
}

/* A store with two live blocks, whose recording wanted a look. Returns its bytes. */
static long write_store(void)
{
	struct store_builder *builder = store_builder_new();
	builder->header.flags |= CT_STORE_MEMORY;
	store_builder_event(builder, 0, 10, 1, CT_EVENT_ALLOC, 100, 0);
	store_builder_event(builder, 0, 20, 2, CT_EVENT_ALLOC, 50, 0);
	builder->header.sections[CT_SECTION_SITES].used = SITES;
	builder->header.state = CT_STATE_ENDED;
	builder->header.end_ticks = 30;
	long bytes = store_builder_write(builder, store_builder_path);
	free(builder);
	return bytes;
}

/* The same with the look. Returns where it begins. */
static uint64_t keep_look(const struct ct_taken *look)
{
	struct ct_store_file store;
	struct ct_error_text error;
	write_store();
	open_store(&store);
	int fd = open(store_builder_path, O_RDWR);
	assert_int_equal(ct_store_last_look_keep(fd, &store, look, &error), 0);
	uint64_t at = ct_store_last_look_at(store.header);
	close(fd);
	ct_store_file_close(&store);
	return at;
}

static struct ct_profile *load(void)
{
	struct ct_store_file store;
	struct ct_profile *profile;
	struct ct_error_text error;
	open_store(&store);
	assert_int_equal(ct_store_profile(&store, &profile, &error), 0);
	ct_store_file_close(&store);
	return profile;
}

/* The rest of the store is there, and a line says why the look is not. */
static void assert_none(const char *why)
{
	struct ct_profile *profile = load();
	assert_int_equal(profile->totals.end_bytes, 150);
	assert_int_equal(profile->ledger.rss_bytes, 0);
	assert_false(profile->has_memory);
	if (!strstr(profile->no_memory, why))
		fail_msg("\"%s\" instead of: %s", profile->no_memory, why);
	ct_profile_free(profile);
}

static void assert_whole(void)
{
	struct ct_profile *profile = load();
	struct ct_ledger wanted = taken.ledger;
	ct_ledger_balance(&wanted);
	assert_string_equal(profile->no_memory, "");
	assert_true(profile->has_memory);
	assert_memory_equal(&profile->ledger, &wanted, sizeof(wanted));
	assert_int_equal(profile->totals.resident_bytes, 80);
	assert_int_equal(profile->totals.swapped_bytes, 30);
	assert_int_equal(profile->totals.untouched_bytes, 40);
	assert_int_equal(profile->totals.pinned_bytes, 4096);
	assert_int_equal(profile->totals.share_bytes, 37);
	for (size_t i = 0; i < profile->site_count; i++)
		assert_int_equal(profile->sites[i].counters.resident_bytes,
				 profile->sites[i].counters.end_bytes == 100 ? 60 : 20);
	ct_profile_free(profile);
}

static void test_as_it_was_taken(void **state)
{
	(void)state;
	keep_look(&taken);
	assert_whole();
}

static void test_mappings(void **state)
{
	static struct ct_taken_mapping some[SITES] = {
		[1] = {.mapped = 8192, .resident = 4096}, [2] = {.mapped = 4096, .resident = 1, .stack = true}};
	struct ct_taken look = taken;
	struct ct_store_file store;
	(void)state;
	look.mappings = some;
	look.ledger.knows_mappings = true;
	keep_look(&look);
	open_store(&store);
	assert_non_null(store.look);
	assert_true(store.look->ledger.knows_mappings);
	assert_memory_equal(&store.look->mappings[1], &some[1], sizeof(some[1]));
	assert_int_equal(store.look->mappings[2].mapped, 4096);
	assert_true(store.look->mappings[2].stack);
	ct_store_file_close(&store);
}

/* As in a live view: what was taken from the process while it ran makes room for what its store says. */
static void test_in_place_of_an_older_one(void **state)
{
	struct ct_store_file store;
	struct ct_error_text error;
	struct ct_store_builder *builder = ct_store_builder_new();
	const struct ct_profile *profile = ct_store_builder_profile(builder);
	(void)state;
	keep_look(&taken);
	open_store(&store);
	assert_int_equal(ct_store_builder_update(builder, &store, &error), 0);
	ct_taken_put(&taken, builder);
	assert_int_equal(profile->totals.resident_bytes, 80);
	assert_int_equal(profile->totals.share_bytes, 37);
	for (size_t i = 0; i < profile->site_count; i++)
		assert_true(profile->sites[i].counters.resident_bytes <= 60);
	ct_store_builder_free(builder);
	ct_store_file_close(&store);
}

static void test_copy_has_it(void **state)
{
	struct ct_store_file store;
	struct ct_error_text error;
	(void)state;
	keep_look(&taken);
	open_store(&store);
	FILE *out = fopen(store_builder_path, "w");
	assert_int_equal(ct_store_file_write(&store, out, &error), 0);
	fclose(out);
	ct_store_file_close(&store);
	assert_whole();
}

/* Reasons: what the store says, or what its state says. */
static void test_why_there_is_none(void **state)
{
	(void)state;
	write_store();
	assert_none("nothing has looked at it");
	int fd = open(store_builder_path, O_RDWR);
	ct_store_last_look_fail(fd, "the moon was in the way");
	assert_none("the moon was in the way");
	char odd[CT_LAST_LOOK_PROBLEM_ROOM];
	memset(odd, 'x', sizeof(odd)); /* without an end */
	assert_int_equal(pwrite(fd, odd, sizeof(odd), offsetof(struct ct_store_header, look.problem)), sizeof(odd));
	assert_none("xxx");
	uint32_t recording = CT_STATE_RECORDING, plain = 0;
	memset(odd, 0, sizeof(odd));
	assert_int_equal(pwrite(fd, odd, sizeof(odd), offsetof(struct ct_store_header, look.problem)), sizeof(odd));
	assert_int_equal(pwrite(fd, &recording, 4, offsetof(struct ct_store_header, state)), 4);
	assert_none("has not come to its end");
	assert_int_equal(pwrite(fd, &plain, 4, offsetof(struct ct_store_header, flags)), 4);
	struct ct_profile *profile = load();
	assert_string_equal(profile->no_memory, ""); /* none was wanted */
	ct_profile_free(profile);
	close(fd);
}

static void test_cut(void **state)
{
	(void)state;
	uint64_t at = keep_look(&taken);
	struct ct_profile *profile = load();
	ct_profile_free(profile);
	long end = 168 + 2 * 64;
	for (long left = end - 1; left >= 0; left -= 13) {
		assert_int_equal(truncate(store_builder_path, (off_t)(at + (uint64_t)left)), 0);
		assert_none("damaged: the file ends before it does");
	}
}

/* The file has these bytes at a place for a moment. */
static void with_bytes(int fd, uint64_t at, const void *bytes, size_t count, const char *why)
{
	char before[64];
	assert_true(count <= sizeof(before));
	assert_int_equal(pread(fd, before, count, (off_t)at), count);
	assert_int_equal(pwrite(fd, bytes, count, (off_t)at), count);
	assert_none(why);
	assert_int_equal(pwrite(fd, before, count, (off_t)at), count);
}

static void test_flipped_bits(void **state)
{
	(void)state;
	uint64_t at = keep_look(&taken);
	int fd = open(store_builder_path, O_RDWR);
	for (uint64_t i = 0; i < 168 + 2 * 64; i++) {
		char byte;
		assert_int_equal(pread(fd, &byte, 1, (off_t)(at + i)), 1);
		byte = (char)(byte ^ 1 << i % 8);
		with_bytes(fd, at + i, &byte, 1, "damaged: ");
	}
	close(fd);
	assert_whole();
}

static void test_wrong_sizes(void **state)
{
	static const uint64_t wrong[] = {
		1, 8, 167, 168, 169, 168 + 64, 168 + 3 * 64, 168 + 64 * 1000000, UINT64_MAX, UINT64_MAX - 23};
	(void)state;
	keep_look(&taken);
	int fd = open(store_builder_path, O_RDWR);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		with_bytes(fd, offsetof(struct ct_store_header, look.bytes), &wrong[i], sizeof(wrong[i]), "damaged: ");
	close(fd);
}

/* Numbers that no look has, although the hash says that they were written so. */
static void test_sealed_nonsense(void **state)
{
	static const uint32_t many = UINT32_MAX, zero = 0, third = SITES, kind = CT_LAST_LOOK_KINDS, first = 1;
	static const uint64_t huge = UINT64_MAX, nothing = 0, large = UINT64_C(1) << 55;
	static const int64_t least = INT64_MIN;
	static const struct {
		uint64_t at;
		const void *bytes;
		size_t count;
	} changes[] = {
		{offsetof(struct ct_last_look_head, row_count), &many, 4},
		{offsetof(struct ct_last_look_head, row_count), &zero, 4},
		{offsetof(struct ct_last_look_head, rss), &nothing, 8},
		{offsetof(struct ct_last_look_head, rss), &huge, 8},
		{offsetof(struct ct_last_look_head, live_untouched), &huge, 8},
		{offsetof(struct ct_last_look_head, ledger[3]), &least, 8},
		{168, &zero, 4},
		{168, &third, 4},
		{168 + 4, &kind, 4},
		{168 + 64, &first, 4},
		{168 + 8, &huge, 8},
		{168 + 64 - 8, &huge, 8},
	};
	(void)state;
	uint64_t at = keep_look(&taken), bytes = 168 + 2 * 64;
	int fd = open(store_builder_path, O_RDWR);
	char whole[168 + 2 * 64], look[sizeof(whole)];
	assert_int_equal(pread(fd, whole, bytes, (off_t)at), bytes);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		memcpy(look, whole, bytes);
		memcpy(look + changes[i].at, changes[i].bytes, changes[i].count);
		ct_store_last_look_seal(look, bytes);
		assert_int_equal(pwrite(fd, look, bytes, (off_t)at), bytes);
		assert_none("damaged: ");
	}
	/* two that are possible, but not together */
	memcpy(look, whole, bytes);
	memcpy(look + 168 + 8, &large, 8);
	memcpy(look + 168 + 64 + 8, &large, 8);
	ct_store_last_look_seal(look, bytes);
	assert_int_equal(pwrite(fd, look, bytes, (off_t)at), bytes);
	assert_none("out of range");
	assert_int_equal(pwrite(fd, whole, bytes, (off_t)at), bytes);
	assert_whole();
	close(fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_it_was_taken),
		cmocka_unit_test(test_mappings),
		cmocka_unit_test(test_in_place_of_an_older_one),
		cmocka_unit_test(test_copy_has_it),
		cmocka_unit_test(test_why_there_is_none),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_flipped_bits),
		cmocka_unit_test(test_wrong_sizes),
		cmocka_unit_test(test_sealed_nonsense),
	};
	return cmocka_run_group_tests(tests, store_builder_make_path, store_builder_remove_path);
}
