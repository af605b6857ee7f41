/* SPDX-License-Identifier: MIT */
/* The profile model: equal items become one, bytes unfit for terminals or JSON are replaced, sums are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "model/profile.h"
#include "util/error.h"
#include "util/utf8.h"

#define BAD "\xef\xbf\xbd" /* U+FFFD */
#define MANY 50000

static int64_t intern(struct ct_profile *profile, const char *text)
{
	return ct_profile_string(profile, text, strlen(text));
}

static void test_strings_are_interned(void **state)
{
	(void)state;
	struct ct_profile *profile = ct_profile_new();
	int64_t main_id = intern(profile, "main");
	assert_int_equal(intern(profile, ""), 0);
	assert_true(main_id > 0);
	assert_int_equal(intern(profile, "main"), main_id);
	assert_int_equal(ct_profile_string(profile, "main()", 4), main_id);
	assert_true(intern(profile, "Main") != main_id);
	/* Ids and texts survive the growth of the table. */
	for (int i = 0; i < MANY; i++) {
		char text[32];
		snprintf(text, sizeof(text), "function_%d", i);
		assert_true(intern(profile, text) > main_id);
	}
	assert_string_equal(profile->strings[main_id], "main");
	assert_string_equal(profile->strings[intern(profile, "function_777")], "function_777");
	assert_int_equal(profile->string_count, MANY + 3);
	ct_profile_free(profile);
}

static void test_text_is_cleaned(void **state)
{
	(void)state;
	static const struct {
		const char *from;
		size_t bytes;
		const char *to;
	} texts[] = {
		{"plain", 5, "plain"},
		{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
		{"\x1b[31m", 5, BAD "[31m"}, /* no colours from a file */
		{"a\nb\tc\x7f", 6, "a" BAD "b" BAD "c" BAD},
		{"a\0b", 3, "a" BAD "b"},
		{"\xc2\x9b"
		 "1m",
		 4, BAD BAD "1m"}, /* C1, another escape */
		{"\xff\xfe", 2, BAD BAD},
		{"\xc0\xaf", 2, BAD BAD}, /* '/' in two bytes */
		{"\xed\xa0\x80", 3, BAD BAD BAD}, /* a surrogate */
		{"\xf4\x90\x80\x80", 4, BAD BAD BAD BAD}, /* beyond Unicode */
		{"x\xe2\x82", 3, "x" BAD BAD}, /* cut short */
		{"\xf0\x9f\x98", 3, BAD BAD BAD},
	};
	struct ct_profile *profile = ct_profile_new();
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int64_t id = ct_profile_string(profile, texts[i].from, texts[i].bytes);
		assert_string_equal(profile->strings[id], texts[i].to);
		assert_true(ct_utf8_is_clean(texts[i].to, strlen(texts[i].to)));
		assert_int_equal(ct_profile_set_text(&profile->command, texts[i].from, texts[i].bytes), 0);
		assert_string_equal(profile->command, texts[i].to);
	}
	ct_profile_free(profile);
}

static uint32_t frame(struct ct_profile *profile, const char *text, bool inlined)
{
	int64_t id = ct_profile_frame(profile,
				      &(struct ct_frame){.text = (uint32_t)intern(profile, text), .inlined = inlined});
	assert_true(id > 0);
	return (uint32_t)id;
}

static void test_frames_are_interned(void **state)
{
	(void)state;
	struct ct_profile *profile = ct_profile_new();
	uint32_t one = frame(profile, "0x1: f (a.c:1)", false);
	assert_int_equal(frame(profile, "0x1: f (a.c:1)", false), one);
	assert_int_not_equal(frame(profile, "0x1: f (a.c:1)", true), one);
	assert_int_not_equal(frame(profile, "0x2: f (a.c:1)", false), one);
	assert_int_equal(profile->frame_count, 4);
	ct_profile_free(profile);
}

static void test_equal_stacks_are_one_site(void **state)
{
	(void)state;
	struct ct_profile *profile = ct_profile_new();
	uint32_t f = frame(profile, "f", false), g = frame(profile, "g", false);
	const uint32_t fg[] = {f, g}, gf[] = {g, f};
	const struct ct_counters counters = {.total_bytes = 10,
					     .total_blocks = 2,
					     .lifetime = 7,
					     .max_bytes = 9,
					     .max_blocks = 1,
					     .peak_bytes = 8,
					     .peak_blocks = 1,
					     .end_bytes = 5,
					     .end_blocks = 1,
					     .temporary_blocks = 1,
					     .resizes = 3};
	assert_int_equal(ct_profile_site(profile, fg, 2, &counters, false), 0);
	assert_int_equal(ct_profile_site(profile, fg, 1, &counters, false), 0); /* a prefix is another stack */
	assert_int_equal(ct_profile_site(profile, gf, 2, &counters, false), 0);
	assert_int_equal(profile->losses.merged_sites, 0);
	assert_int_equal(ct_profile_site(profile, fg, 2, &counters, true), 0);
	assert_int_equal(profile->losses.merged_sites, 1);
	assert_int_equal(profile->site_count, 3);
	const struct ct_site_row *site = &profile->sites[0];
	assert_int_equal(site->counters.total_bytes, 20);
	assert_int_equal(site->counters.max_bytes, 18);
	assert_int_equal(site->counters.resizes, 6);
	assert_true(site->truncated);
	assert_int_equal(site->frame_count, 2);
	assert_int_equal(profile->frame_ids[site->first_frame], f);
	assert_false(profile->sites[1].truncated);
	assert_int_equal(profile->totals.total_bytes, 40);
	assert_int_equal(profile->totals.lifetime, 28);
	assert_int_equal(profile->totals.end_blocks, 4);
	/* Maxima of sites happen at different times. That of the process is its peak. */
	assert_int_equal(profile->totals.max_bytes, 32);
	assert_int_equal(profile->totals.max_blocks, 4);
	ct_profile_free(profile);
}

static void test_errors(void **state)
{
	(void)state;
	struct ct_error_text error;
	char large[3000];
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	assert_int_equal(ct_error_set(&error, CT_ERR_IO, "no %s", "luck"), CT_ERR_IO);
	assert_int_equal(ct_error_context(&error, CT_ERR_IO, "%d", 7), CT_ERR_IO);
	assert_string_equal(error.line, "7: no luck");
	assert_int_equal(ct_error_set(&error, CT_ERR_DAMAGED, "%s", large), CT_ERR_DAMAGED);
	ct_error_context(&error, CT_ERR_DAMAGED, "%s", large);
	assert_true(strlen(error.line) < sizeof(error.line));
	assert_int_equal(ct_error_exit_code(CT_OK), CT_EXIT_FINE);
	assert_int_equal(ct_error_exit_code(CT_ERR_USAGE), CT_EXIT_USAGE);
	assert_int_equal(ct_error_exit_code(CT_ERR_MEMORY), CT_EXIT_UNREADABLE);
	ct_profile_free(NULL);
}

#define COUNTERS (sizeof(struct ct_counters) / sizeof(uint64_t))
#define COUNTER(name) (offsetof(struct ct_counters, name) / sizeof(uint64_t))

/* Every counter adds up, except those whose smaller or larger value counts. */
static void test_counters_add_up(void **state)
{
	(void)state;
	struct ct_profile *profile = ct_profile_new();
	uint32_t text = (uint32_t)ct_profile_string(profile, "f", 1);
	uint32_t frame = (uint32_t)ct_profile_frame(profile, &(struct ct_frame){.text = text});
	struct ct_counters added[3], nothing = {0};
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < COUNTERS; j++)
			((uint64_t *)&added[i])[j] = (j + 1) * (i == 0 ? 100 : i == 1 ? 1 : 10000);
	assert_int_equal(ct_profile_site(profile, &frame, 1, &nothing, false), 0); /* its sizes are ignored */
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(ct_profile_site(profile, &frame, 1, &added[i], false), 0);
	const uint64_t *sums = (const uint64_t *)&profile->sites[0].counters;
	for (size_t j = 0; j < COUNTERS; j++) {
		uint64_t times = j == COUNTER(smallest_bytes) || j == COUNTER(first_time)   ? 1
				 : j == COUNTER(largest_bytes) || j == COUNTER(latest_time) ? 10000
				 : j == COUNTER(threads)                                    ? 0
											    : 10101;
		assert_int_equal(sums[j], (j + 1) * times);
	}
	assert_int_equal(profile->totals.total_bytes, profile->sites[0].counters.total_bytes);
	assert_int_equal(profile->totals.max_bytes, profile->totals.peak_bytes);
	assert_int_equal(profile->totals.max_blocks, profile->totals.peak_blocks);
	assert_int_equal(profile->losses.merged_sites, 3);
	ct_profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings_are_interned), cmocka_unit_test(test_text_is_cleaned),
		cmocka_unit_test(test_frames_are_interned),  cmocka_unit_test(test_equal_stacks_are_one_site),
		cmocka_unit_test(test_counters_add_up),      cmocka_unit_test(test_errors),
	};
	return cmocka_run_group_tests_name("viewer_profile", tests, NULL, NULL);
}
