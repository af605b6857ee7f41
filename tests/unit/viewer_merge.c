/* SPDX-License-Identifier: MIT */
/* Merging: which frames match, what happens to their addresses, and sums that do not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "load/dhat/dhat_frame.h"
#include "model/merge.h"

static struct ct_profile *profile_of(const char *leaf, uint64_t bytes)
{
	struct ct_profile *profile = ct_profile_new();
	struct ct_frame frame;
	assert_int_equal(ct_dhat_frame_parse(profile, leaf, strlen(leaf), &frame), 0);
	uint32_t id = (uint32_t)ct_profile_frame(profile, &frame);
	assert_int_equal(
		ct_profile_site(profile, &id, 1, &(struct ct_counters){.total_bytes = bytes, .total_blocks = 1}, false),
		0);
	profile->pid = 7;
	return profile;
}

/* Merges two profiles of one frame each. `wanted` has the texts of the result, separated by '|'. */
static void check(const char *one, const char *other, const char *wanted)
{
	struct ct_error_text error;
	struct ct_merge merge;
	char texts[200] = "";
	assert_int_equal(ct_merge_init(&merge, &error), 0);
	for (int i = 0; i < 2; i++) {
		struct ct_profile *profile = profile_of(i ? other : one, 10);
		assert_int_equal(ct_merge_add(&merge, profile, "x", &error), 0);
		ct_profile_free(profile);
	}
	assert_int_equal(ct_merge_end(&merge, &error), 0);
	for (size_t i = 0; i < merge.profile->site_count; i++) {
		const struct ct_site_row *site = &merge.profile->sites[i];
		const struct ct_frame *frame = &merge.profile->frames[merge.profile->frame_ids[site->first_frame]];
		strcat(strcat(texts, i ? "|" : ""), merge.profile->strings[frame->text]);
	}
	assert_string_equal(texts, wanted);
	assert_int_equal(merge.profile->totals.total_bytes, 20);
	assert_int_equal(merge.profile->pid, 0);
	ct_merge_fini(&merge);
}

static void test_frames(void **state)
{
	(void)state;
	check("0x1F: f (a.c:1)", "0x1F: f (a.c:1)", "0x1F: f (a.c:1)");
	check("0x1F: f (a.c:1)", "0x2F: f (a.c:1)", "f (a.c:1)");
	check("0x1F: f (a.c:1)", "0x1F: f (a.c:2)", "0x1F: f (a.c:1)|0x1F: f (a.c:2)");
	check("0x1F: f (in /a.so)", "0x2F: f (in /b.so)", "0x1F: f (in /a.so)|0x2F: f (in /b.so)");
	check("0x1F: f (in /a.so)", "0x2F: f (in /a.so)", "f (in /a.so)");
	/* Only the address is known. In a file it is the same in all processes, otherwise only in this one. */
	check("0x1F: ??? (in /a.so)", "0x2F: ??? (in /a.so)", "0x1F: ??? (in /a.so)|0x2F: ??? (in /a.so)");
	check("0x1F: ??? (in /a.so)", "0x1F: ??? (in /a.so)", "0x1F: ??? (in /a.so)");
	check("0x1F: ??? (in \?\?\?)", "0x2F: ??? (in \?\?\?)", "??? (in \?\?\?)");
	check("[frames cut]", "[frames cut]", "[frames cut]");
	check("f (a.c:1)", "0x1F: f (a.c:1)", "f (a.c:1)");
	assert_string_equal(ct_merge_text("0x: f"), "0x: f");
	assert_string_equal(ct_merge_text("0x1F: "), "0x1F: ");
	assert_string_equal(ct_merge_text("0xfF: f"), "f");
}

static void test_sums_that_do_not_fit(void **state)
{
	(void)state;
	struct ct_error_text error;
	struct ct_merge merge;
	struct ct_profile *large = profile_of("f", UINT64_MAX - 5), *small = profile_of("f", 10);
	assert_int_equal(ct_merge_init(&merge, &error), 0);
	assert_int_equal(ct_merge_add(&merge, large, "large", &error), 0);
	assert_int_equal(ct_merge_add(&merge, small, "small", &error), CT_ERR_DAMAGED);
	assert_non_null(strstr(error.line, "small"));
	assert_int_equal(merge.inputs, 1);
	assert_int_equal(merge.profile->totals.total_bytes, UINT64_MAX - 5);
	ct_merge_fini(&merge);
	ct_profile_free(large);
	ct_profile_free(small);
}

/* Merges profiles, and keeps none of them. */
static void merge_all(struct ct_merge *merge, struct ct_profile *const *profiles, size_t count)
{
	struct ct_error_text error;
	assert_int_equal(ct_merge_init(merge, &error), 0);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(ct_merge_add(merge, profiles[i], "x", &error), 0);
	assert_int_equal(ct_merge_end(merge, &error), 0);
	for (size_t i = 0; i < count; i++)
		ct_profile_free(profiles[i]);
}

#define LOSSES (sizeof(struct ct_losses) / sizeof(uint64_t))

static void test_losses(void **state)
{
	(void)state;
	struct ct_profile *profiles[] = {profile_of("f", 1), profile_of("g", 1), profile_of("h", 1)};
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < LOSSES; j++)
			((uint64_t *)&profiles[i]->losses)[j] = (j + 1) * (i == 0 ? 1 : i == 1 ? 100 : 10000);
	struct ct_merge merge;
	merge_all(&merge, profiles, 3);
	for (size_t j = 0; j < LOSSES; j++)
		assert_int_equal(((uint64_t *)&merge.profile->losses)[j], (j + 1) * 10101);
	ct_merge_fini(&merge);
}

/* A frame is inlined in the result if it is inlined in all inputs, whatever their order. */
static void test_inlined(void **state)
{
	(void)state;
	for (unsigned inlined = 0; inlined < 8; inlined++) {
		struct ct_profile *profiles[3];
		for (unsigned i = 0; i < 3; i++) {
			profiles[i] = profile_of("0x1F: f (a.c:1)", 1);
			profiles[i]->frames[1].inlined = inlined >> i & 1;
		}
		struct ct_merge merge;
		merge_all(&merge, profiles, 3);
		assert_int_equal(merge.profile->site_count, 1);
		assert_int_equal(merge.profile->frames[1].inlined, inlined == 7);
		assert_int_equal(merge.profile->frames[1].address, 0x1F);
		assert_int_equal(merge.profile->losses.merged_sites, 2);
		ct_merge_fini(&merge);
	}
}

/* The result lacks what one input lacks, and has the times of all inputs. Tested in both orders. */
static void test_head(void **state)
{
	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		struct ct_profile *whole = profile_of("f", 1), *poor = profile_of("f", 1);
		struct ct_merge merge;
		whole->has_temporaries = whole->has_details = whole->has_slack = whole->has_reach = true;
		whole->has_memory = true;
		poor->ended = false;
		whole->totals.peak_bytes = 70;
		whole->peak_time = 7;
		whole->end_time = 10;
		whole->start_unix_ns = 500;
		whole->own_bytes = 1000;
		whole->sample_bytes = 512;
		poor->totals.peak_bytes = 60;
		poor->peak_time = 6;
		poor->end_time = 20;
		poor->start_unix_ns = 400;
		poor->own_bytes = 234;
		ct_profile_set_text(&poor->program, "/bin/other", 10);
		ct_profile_set_text(&poor->command, "other", 5);
		ct_profile_set_text(&poor->producer, "dhat-rs", 7);
		merge_all(&merge, (struct ct_profile *[]){turn ? poor : whole, turn ? whole : poor}, 2);
		const struct ct_profile *merged = merge.profile;
		assert_false(merged->has_temporaries || merged->has_details || merged->has_slack || merged->has_reach ||
			     merged->has_memory);
		assert_false(merged->ended);
		assert_int_equal(merged->peak_time, 7);
		assert_int_equal(merged->end_time, 20);
		assert_int_equal(merged->start_unix_ns, 400);
		assert_int_equal(merged->own_bytes, 1234);
		assert_int_equal(merged->sample_bytes, 512);
		assert_string_equal(merged->program, "");
		assert_string_equal(merged->command, "2 programs");
		assert_string_equal(merged->producer, "several");
		ct_merge_fini(&merge);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames), cmocka_unit_test(test_sums_that_do_not_fit),
		cmocka_unit_test(test_losses), cmocka_unit_test(test_inlined),
		cmocka_unit_test(test_head),
	};
	return cmocka_run_group_tests_name("viewer_merge", tests, NULL, NULL);
}
