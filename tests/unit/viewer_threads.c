/* SPDX-License-Identifier: MIT */
/* Folded threads: one site for equal stacks, with the sums and the threads; the snapshots and the leaks follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "model/fold.h"
#include "model/leaks.h"
#include "model/threads.h"

static uint32_t frame(struct ct_profile *profile, const char *name)
{
	uint32_t text = (uint32_t)ct_profile_string(profile, name, strlen(name));
	struct ct_frame frame = {.text = text, .function = *name == '[' ? 0 : text};
	return (uint32_t)ct_profile_frame(profile, &frame);
}

static void add(struct ct_profile *profile, const char *first, const char *second, const char *third, uint64_t bytes)
{
	uint32_t ids[3], count = 0;
	const char *const names[] = {first, second, third};
	for (int i = 0; i < 3; i++)
		if (names[i])
			ids[count++] = frame(profile, names[i]);
	const struct ct_counters counters = {.total_bytes = bytes,
					     .total_blocks = 1,
					     .max_bytes = bytes,
					     .max_blocks = 1,
					     .end_bytes = bytes % 2 ? bytes : 0,
					     .end_blocks = bytes % 2};
	assert_int_equal(ct_profile_site(profile, ids, count, &counters, false), 0);
}

/* work on threads 1, 2 and 3; idle on thread 2; other without a thread */
static struct ct_profile *sample(void)
{
	struct ct_profile *profile = ct_profile_new();
	add(profile, "work", "main", "[thread 1 app]", 10);
	add(profile, "idle", "loop", "[thread 2 io]", 7);
	add(profile, "work", "main", "[thread 2 io]", 101);
	add(profile, "other", "main", NULL, 5);
	add(profile, "work", "main", "[thread 3 io]", 1000);
	add(profile, "[thread 3 io]", NULL, NULL, 2);
	profile->snapshots = calloc(1, sizeof(*profile->snapshots));
	profile->snapshot_count = 1;
	profile->snapshots[0] = (struct ct_snapshot){.time = 9, .bytes = 50, .row_count = 2};
	profile->snapshots[0].rows = calloc(2, sizeof(*profile->snapshots[0].rows));
	profile->snapshots[0].rows[0] = (struct ct_snapshot_site){.site = 2, .bytes = 30};
	profile->snapshots[0].rows[1] = (struct ct_snapshot_site){.site = 4, .bytes = 20};
	return profile;
}

static void test_fold(void **state)
{
	struct ct_profile *profile = sample(), folded;
	struct ct_error_text error;
	(void)state;
	assert_true(profile->has_threads);
	assert_int_equal(ct_threads_fold(profile, &folded, &error), 0);
	assert_true(folded.threads_folded);
	assert_int_equal(folded.site_count, 4);
	assert_int_equal(folded.sites[0].counters.total_bytes, 1111);
	assert_int_equal(folded.sites[0].counters.max_bytes, 1111);
	assert_int_equal(folded.sites[0].counters.threads, 3);
	assert_int_equal(folded.sites[0].frame_count, 2);
	assert_int_equal(folded.sites[1].counters.threads, 1);
	assert_int_equal(folded.sites[2].counters.threads, 0);
	assert_int_equal(folded.sites[3].frame_count, 1); /* nothing but the label */
	assert_int_equal(folded.totals.total_bytes, profile->totals.total_bytes);
	assert_int_equal(folded.totals.threads, 3);
	assert_int_equal(folded.losses.merged_sites, 0);
	assert_int_equal(folded.snapshots[0].rows[0].site, 0);
	assert_int_equal(folded.snapshots[0].rows[1].site, 0);
	assert_int_equal(profile->site_count, 6); /* the profile itself is as it was */
	assert_int_equal(profile->snapshots[0].rows[0].site, 2);
	ct_threads_fini(&folded);
	ct_profile_free(profile);
}

/* Rows of own code count each thread once, in a folded profile and in one that is not. */
static void test_rows(void **state)
{
	struct ct_profile *profile = sample(), folded;
	struct ct_error_text error;
	(void)state;
	add(profile, "std::vector::push_back", "work", "main", 1);
	uint32_t ids[] = {frame(profile, "std::vector::push_back"), frame(profile, "work"), frame(profile, "main"),
			  frame(profile, "[thread 2 io]")};
	assert_int_equal(ct_profile_site(profile, ids, 4, &(struct ct_counters){.total_bytes = 1}, false), 0);
	assert_int_equal(ct_threads_fold(profile, &folded, &error), 0);
	for (int i = 0; i < 2; i++) {
		struct ct_origins origins;
		struct ct_fold fold;
		const struct ct_profile *shown = i ? &folded : profile;
		assert_int_equal(ct_origins_init(&origins, shown, CT_ORIGIN_RULE), 0);
		assert_int_equal(ct_fold_init(&fold, shown, &origins, false, NULL), 0);
		assert_int_equal(fold.rows[0].counters->total_bytes, 1113);
		assert_int_equal(fold.rows[0].thread_count, 3);
		assert_int_equal(fold.rows[0].counters->threads, 3);
		ct_fold_fini(&fold);
		origins.split_threads = true; /* now the label is a caller */
		assert_int_equal(ct_fold_init(&fold, profile, &origins, false, NULL), 0);
		assert_int_equal(fold.rows[0].counters->total_bytes, 10);
		ct_fold_fini(&fold);
		ct_origins_fini(&origins);
	}
	ct_threads_fini(&folded);
	ct_profile_free(profile);
}

/* When sites that are no candidates go, the others keep their threads. */
static void test_leaks(void **state)
{
	struct ct_profile *profile = sample(), folded;
	struct ct_leaks leaks = {0};
	struct ct_error_text error;
	(void)state;
	profile->sites[2].counters.end_blocks = profile->sites[2].counters.end_bytes = 0;
	assert_int_equal(ct_threads_fold(profile, &folded, &error), 0);
	assert_int_equal(ct_leaks_keep(&leaks, &folded, &error), 0);
	assert_int_equal(folded.site_count, 2);
	assert_int_equal(folded.site_thread_count, 1);
	assert_int_equal(folded.site_threads[0].site, 0);
	assert_string_equal(folded.strings[folded.site_threads[0].label], "[thread 2 io]");
	ct_leaks_fini(&leaks);
	ct_threads_fini(&folded);
	ct_profile_free(profile);
}

static void test_text(void **state)
{
	char out[CT_THREAD_ROOM], longest[400];
	(void)state;
	assert_string_equal(ct_thread_text("[thread 2 io]", out), "2 io");
	assert_string_equal(ct_thread_text("[thread 12 a ] b]", out), "12 a ] b");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(strlen(ct_thread_text(longest, out)), CT_THREAD_ROOM - 1);
	for (size_t i = 0; i + 2 < sizeof(longest); i += 2) /* no character is cut */
		memcpy(longest + i, "é", 2);
	assert_int_equal(strlen(ct_thread_text(longest, out)), CT_THREAD_ROOM - 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_fold), cmocka_unit_test(test_rows),
					   cmocka_unit_test(test_leaks), cmocka_unit_test(test_text)};
	return cmocka_run_group_tests_name("viewer_threads", tests, NULL, NULL);
}
