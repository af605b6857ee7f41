/* SPDX-License-Identifier: MIT */
/* Selections: which sites stay, what happens to their stacks, and that all references are updated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/dhat/dhat_frame.h"
#include "model/groups.h"
#include "model/leaks.h"
#include "model/select.h"
#include "model/threads.h"

/* Stacks with the leaf first. "+" means inlined into the next frame. The n-th stack has 10 to the n bytes. */
static const char *const stacks[][5] = {
	{"0x1: alloc (in /lib/one.so)", "0x2: work(int) (work.c:1)", "0x3: main (main.c:9)"},
	{"0x4: alloc (in /lib/two.so)", "0x2: work(int) (work.c:1)", "0x3: main (main.c:9)"},
	{"+0x5: inner (inner.h:3)", "0x5: outer (in /lib/two.so)", "0x3: main (main.c:9)"},
	{"0x6: rest (rest.c:1)"},
};

static struct ct_profile *sample(void)
{
	struct ct_profile *profile = ct_profile_new();
	uint64_t bytes = 1;
	assert_non_null(profile);
	profile->has_lifetimes = true;
	for (size_t i = 0; i < sizeof(stacks) / sizeof(stacks[0]); i++, bytes *= 10) {
		uint32_t ids[5], count = 0;

		for (; count < 5 && stacks[i][count]; count++) {
			const char *text = stacks[i][count];
			bool inlined = *text == '+';
			struct ct_frame frame;

			text += inlined;
			assert_int_equal(ct_dhat_frame_parse(profile, text, strlen(text), &frame), 0);
			frame.inlined = inlined;
			ids[count] = (uint32_t)ct_profile_frame(profile, &frame);
		}
		assert_int_equal(ct_profile_site(profile, ids, count,
						 &(struct ct_counters){.total_bytes = bytes, .total_blocks = 1}, false),
				 0);
	}
	profile->timeline = calloc(1, sizeof(*profile->timeline));
	profile->timeline_count = 1;
	profile->snapshots = calloc(1, sizeof(*profile->snapshots));
	profile->snapshot_count = 1;
	profile->snapshots[0].rows = calloc(4, sizeof(*profile->snapshots[0].rows));
	profile->snapshots[0].row_count = 4;
	for (uint32_t i = 0; i < 4; i++)
		profile->snapshots[0].rows[i].site = i;
	profile->modules = calloc(1, sizeof(*profile->modules));
	profile->modules[0].path = (uint32_t)ct_profile_string(profile, "/lib/two.so", 11);
	profile->module_count = 1;
	return profile;
}

/* The sample after a selection. NULL: no pattern of that kind. */
static struct ct_profile *chosen(const char *focus, const char *ignore, const char *hide, struct ct_selected *selected)
{
	const char *const texts[] = {focus, ignore, hide};
	struct ct_profile *profile = sample();
	struct ct_selection selection = {0};
	struct ct_error_text error;
	for (int i = 0; i < CT_SELECT_KINDS; i++)
		if (texts[i])
			assert_int_equal(ct_patterns_add(&selection.patterns[i], "x", texts[i], &error), 0);
	assert_int_equal(ct_select(profile, &selection, selected, &error), 0);
	assert_int_equal(selected->totals.total_bytes, 1111);
	ct_selection_fini(&selection);
	return profile;
}

static void check_total(const char *focus, const char *ignore, const char *hide, uint64_t bytes, size_t sites)
{
	struct ct_selected selected;
	struct ct_profile *profile = chosen(focus, ignore, hide, &selected);
	assert_int_equal(profile->totals.total_bytes, bytes);
	assert_int_equal(profile->site_count, sites);
	ct_profile_free(profile);
}

static void test_which(void **state)
{
	(void)state;
	check_total(NULL, NULL, NULL, 1111, 4);
	check_total("main", NULL, NULL, 111, 3);
	check_total("^work$", NULL, NULL, 11, 2); /* matches the name as it is shown, without parameters */
	check_total("int", NULL, NULL, 0, 0);
	check_total("work\\.c", NULL, NULL, 11, 2);
	check_total("two\\.so", NULL, NULL, 110, 2);
	check_total("^(rest|inner)$", NULL, NULL, 1100, 2);
	check_total(NULL, "two\\.so|rest", NULL, 1, 1);
	check_total("main", "work", NULL, 100, 1);
	check_total(NULL, NULL, "^alloc$", 1111, 3); /* two sites become one */
	check_total(NULL, NULL, "rest", 111, 3); /* no frame is left */
	check_total("alloc", NULL, "alloc", 11, 1); /* hidden frames count for focus */
}

static void test_inlined(void **state)
{
	struct ct_selected selected;
	struct ct_profile *profile = chosen("inner", NULL, "outer", &selected);
	const struct ct_frame *frame = &profile->frames[profile->frame_ids[profile->sites[0].first_frame]];
	(void)state;
	assert_int_equal(profile->sites[0].frame_count, 2);
	assert_string_equal(profile->strings[frame->function], "inner");
	assert_false(frame->inlined); /* the frame that it was inlined into is gone */
	ct_profile_free(profile);
	/* the module is that of the function into which it is inlined */
	check_total("main", NULL, "two\\.so", 111, 3);
	profile = chosen("inner", NULL, "two\\.so", &selected);
	assert_int_equal(profile->sites[0].frame_count, 1);
	ct_profile_free(profile);
}

static void test_rest_follows(void **state)
{
	struct ct_selected selected;
	struct ct_profile *profile = chosen(NULL, NULL, "^alloc$", &selected);
	(void)state;
	assert_true(selected.met[CT_SELECT_HIDE]);
	assert_int_equal(selected.dropped, 0);
	assert_int_equal(profile->timeline_count, 1);
	assert_int_equal(profile->snapshots[0].rows[0].site, profile->snapshots[0].rows[1].site);
	assert_int_equal(profile->sites[profile->snapshots[0].rows[3].site].counters.total_bytes, 1000);
	assert_string_equal(profile->strings[profile->modules[0].path], "/lib/two.so");
	assert_int_equal(profile->losses.merged_sites, 1);
	ct_profile_free(profile);
	profile = chosen("main", "no such", NULL, &selected);
	assert_false(selected.met[CT_SELECT_IGNORE]);
	assert_int_equal(selected.dropped, 1);
	assert_int_equal(profile->timeline_count, 0);
	assert_int_equal(profile->snapshot_count, 0);
	ct_profile_free(profile);
}

static void test_threads(void **state)
{
	static const char *const texts[] = {"0x1: work (a.c:1)", "[thread 1 main]", "[thread 2 io]"};
	struct ct_profile *profile = ct_profile_new();
	struct ct_groups groups;
	struct ct_error_text error;
	uint32_t ids[3];
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct ct_frame frame;

		assert_int_equal(ct_dhat_frame_parse(profile, texts[i], strlen(texts[i]), &frame), 0);
		ids[i] = (uint32_t)ct_profile_frame(profile, &frame);
	}
	ct_profile_site(profile, ids, 1, &(struct ct_counters){.total_bytes = 1}, false);
	ct_profile_site(profile, ids, 2, &(struct ct_counters){.total_bytes = 10}, false);
	ct_profile_site(profile, (uint32_t[]){ids[0], ids[2]}, 2, &(struct ct_counters){.total_bytes = 100}, false);
	assert_int_equal(ct_groups_init(&groups, profile, CT_BY_THREAD, &error), 0);
	ct_groups_count(&groups, profile, CT_BY_THREAD, NULL, false);
	assert_int_equal(groups.count, 3);
	for (size_t i = 0; i < groups.count; i++) {
		const struct ct_group *group = &groups.rows[i];
		const char *name = group->example ? ct_thread_label(profile, &profile->frames[group->example]) : "";

		assert_int_equal(group->self.total_bytes, !*name ? 1 : !strcmp(name, "[thread 1 main]") ? 10 : 100);
	}
	ct_groups_fini(&groups);
	ct_profile_free(profile);
}

/* Matches the same as LeakSanitizer (sanitizer_common/sanitizer_common.cpp, TemplateMatch). */
static void test_suppressions(void **state)
{
	(void)state;
	assert_true(ct_leaks_match("lib", "/usr/lib/x.so"));
	assert_true(ct_leaks_match("^/usr*x", "/usr/lib/x.so"));
	assert_true(ct_leaks_match("lib*.so$", "/usr/lib/x.so"));
	assert_true(ct_leaks_match("^/usr/lib/x.so$", "/usr/lib/x.so"));
	assert_true(ct_leaks_match("*", "x"));
	assert_true(ct_leaks_match("x*$", "xyz"));
	assert_true(ct_leaks_match("a*b*c", "1a2b3c4"));
	assert_false(ct_leaks_match("^lib", "/usr/lib/x.so"));
	assert_false(ct_leaks_match("lib$", "/usr/lib/x.so"));
	assert_false(ct_leaks_match("a*b*c", "1c2b3a4"));
	assert_false(ct_leaks_match("LIB", "/usr/lib/x.so"));
	assert_false(ct_leaks_match("*", ""));
	assert_false(ct_leaks_match("x$", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_which),        cmocka_unit_test(test_inlined),
		cmocka_unit_test(test_rest_follows), cmocka_unit_test(test_threads),
		cmocka_unit_test(test_suppressions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
