/* SPDX-License-Identifier: MIT */
/* The exact text of the views of `ctrace top`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load/dhat/dhat_frame.h"
#include "view/view.h"

static struct ct_profile *sample(void)
{
	static const char *const first[] = {"0x1: malloc (in /lib/libc.so.6)",
					    "0x2: leaf (a.c:10)",
					    "0x3: work (a.c:20)",
					    "0x3: work (a.c:20)",
					    "0x4: main (a.c:30)",
					    NULL};
	static const char *const second[] = {"0x5: leaf (a.c:11)", "0x4: main (a.c:30)", NULL};
	static const char *const third[] = {"0x4: main (a.c:30)", NULL};
	static const char *const *const stacks[] = {first, second, third};
	static const struct ct_counters counters[] = {
		{.total_bytes = 6144,
		 .total_blocks = 3,
		 .lifetime = 3000,
		 .max_bytes = 2048,
		 .max_blocks = 1,
		 .peak_bytes = 2048,
		 .peak_blocks = 1},
		{.total_bytes = 3072,
		 .total_blocks = 1,
		 .lifetime = 5000000,
		 .max_bytes = 3072,
		 .max_blocks = 1,
		 .peak_bytes = 3072,
		 .peak_blocks = 1,
		 .end_bytes = 3072,
		 .end_blocks = 1},
		{.total_bytes = 1024, .total_blocks = 4, .lifetime = 40, .max_bytes = 256, .max_blocks = 1},
	};
	struct ct_profile *profile = ct_profile_new();
	assert_non_null(profile);
	for (int i = 0; i < 3; i++) {
		uint32_t ids[8], count = 0;

		for (; stacks[i][count]; count++) {
			struct ct_frame frame;

			ct_dhat_frame_parse(profile, stacks[i][count], strlen(stacks[i][count]), &frame);
			ids[count] = (uint32_t)ct_profile_frame(profile, &frame);
		}
		ct_profile_site(profile, ids, count, &counters[i], false);
	}
	ct_profile_set_text(&profile->verb, "Allocated", 9);
	ct_profile_set_text(&profile->byte_unit, "byte", 4);
	ct_profile_set_text(&profile->bytes_unit, "bytes", 5);
	ct_profile_set_text(&profile->blocks_unit, "blocks", 6);
	ct_profile_set_text(&profile->time_unit, "µs", strlen("µs"));
	ct_profile_set_text(&profile->producer, "ctrace", 6);
	ct_profile_set_text(&profile->command, "/bin/app -x", 11);
	profile->pid = 42;
	profile->end_time = 5000000;
	profile->peak_time = 2500000;
	profile->has_lifetimes = true;
	profile->ended = true;
	return profile;
}

typedef int show_function(const struct ct_view *, struct ct_error_text *);

/* Compares what a view prints. */
static void check_shown(show_function *show, struct ct_view view, int columns, const char *expected)
{
	const struct ct_terminal terminal = {.columns = columns, .utf8 = true};
	char *bytes = NULL;
	size_t length;
	struct ct_error_text error;
	view.terminal = &terminal;
	view.min_percent = 1;
	view.out = open_memstream(&bytes, &length);
	assert_int_equal(show(&view, &error), 0);
	fclose(view.out);
	assert_string_equal(bytes, expected);
	free(bytes);
}

static void check_view(show_function *show, const struct ct_profile *profile, enum ct_column sort, size_t rows,
		       int columns, const char *expected)
{
	check_shown(show, (struct ct_view){.profile = profile, .sort = sort, .rows = rows}, columns, expected);
}

static void test_sites(void **state)
{
	struct ct_profile *profile = sample();
	(void)state;
	check_view(
		ct_view_sites, profile, CT_COLUMN_TOTAL, 0, 120,
		"   TOTAL      %   SUM%  BLOCKS       AVG       MAX      PEAK       END  LIFETIME  WHERE\n"
		"6.00 KiB   60.0   60.0       3  2.00 KiB  2.00 KiB  2.00 KiB         -   1.00 ms  leaf a.c:10 < work ×2 < main\n"
		"3.00 KiB   30.0   90.0       1  3.00 KiB  3.00 KiB  3.00 KiB  3.00 KiB    5.00 s  leaf a.c:11 < main\n"
		"1.00 KiB   10.0  100.0       4   256   B   256   B         -         -   10.0 µs  main a.c:30\n");
	/* in a narrow terminal columns that can be computed are left out, but never the sorted one */
	check_view(ct_view_sites, profile, CT_COLUMN_LIFETIME, 1, 60,
		   "   TOTAL      %  LIFETIME  WHERE\n"
		   "3.00 KiB   30.0    5.00 s  leaf a.c:11 < main\n"
		   "2 more rows with 70.0 %; -n 0 shows all\n");
	check_view(ct_view_sites, profile, CT_COLUMN_BLOCKS, 1, 44,
		   "   TOTAL  BLOCKS      %  WHERE\n"
		   "1.00 KiB       4   50.0  main a.c:30\n"
		   "2 more rows with 50.0 %; -n 0 shows all\n");
	ct_profile_free(profile);
}

static void test_columns(void **state)
{
	struct ct_profile *profile = sample();
	char list[CT_COLUMN_LIST_ROOM];
	(void)state;
	check_shown(ct_view_sites,
		    (struct ct_view){.profile = profile,
				     .sort = CT_COLUMN_NEVER_FREED,
				     .rows = 1,
				     .columns = {CT_COLUMN_NEVER_FREED, CT_COLUMN_TOTAL},
				     .column_count = 2},
		    60,
		    "KEPT%     TOTAL      %   SUM%  WHERE\n"
		    "100.0  3.00 KiB   30.0   30.0  leaf a.c:11 < main\n"
		    "2 more rows with 70.0 %; -n 0 shows all\n");
	ct_column_list(list);
	for (int i = 0; i < CT_COLUMN_LIVE; i++) {
		enum ct_column found = CT_COLUMN_COUNT;
		const char *name = ct_column_name((enum ct_column)i);

		assert_true(ct_column_find(name, strlen(name), &found));
		assert_int_equal(found, i);
		assert_non_null(strstr(list, name));
	}
	ct_profile_free(profile);
}

static void test_groups(void **state)
{
	struct ct_profile *profile = sample();
	struct ct_view view = {.profile = profile, .by = CT_BY_FUNCTION};
	(void)state;
	check_shown(ct_view_groups, view, 120,
		    "   TOTAL      %   SUM%  BLOCKS      PEAK       END  LIFETIME       CUM   CUM%  FUNCTION\n"
		    "9.00 KiB   90.0   90.0       4  5.00 KiB  3.00 KiB    1.25 s  9.00 KiB   90.0  leaf a.c\n"
		    "1.00 KiB   10.0  100.0       4         -         -   10.0 µs  10.0 KiB  100.0  main a.c\n"
		    "   0   B    0.0  100.0       0         -         -         -  6.00 KiB   60.0  work a.c\n");
	view.cumulative = true;
	check_shown(ct_view_groups, view, 120,
		    "SELF%     TOTAL      %  BLOCKS      PEAK       END  LIFETIME  FUNCTION, including callees\n"
		    " 10.0  10.0 KiB  100.0       8  5.00 KiB  3.00 KiB    625 ms  main a.c\n"
		    " 90.0  9.00 KiB   90.0       4  5.00 KiB  3.00 KiB    1.25 s  leaf a.c\n"
		    "  0.0  6.00 KiB   60.0       3  2.00 KiB         -   1.00 ms  work a.c\n");
	view.by = CT_BY_LINE;
	view.cumulative = false;
	check_shown(ct_view_groups, view, 76,
		    "   TOTAL      %       CUM   CUM%  LINE\n"
		    "6.00 KiB   60.0  6.00 KiB   60.0  a.c:10 leaf\n"
		    "3.00 KiB   30.0  3.00 KiB   30.0  a.c:11 leaf\n"
		    "1.00 KiB   10.0  10.0 KiB  100.0  a.c:30 main\n"
		    "   0   B    0.0  6.00 KiB   60.0  a.c:20 work\n");
	ct_profile_free(profile);
}

static void test_peek(void **state)
{
	struct ct_profile *profile = sample();
	struct ct_patterns patterns = {0};
	struct ct_error_text error;
	struct ct_view view = {.profile = profile, .patterns = &patterns};
	(void)state;
	assert_int_equal(ct_patterns_add(&patterns, "peek", "wor.$", &error), 0);
	check_shown(
		ct_view_peek, view, 100,
		"    SELF      %       CUM      %  FUNCTION, with callers (<) and callees (>) and their part of its CUM\n"
		"                 6.00 KiB  100.0    < main\n"
		"   0   B    0.0  6.00 KiB   60.0  work a.c\n"
		"                 6.00 KiB  100.0    > leaf\n\n");
	/* an allocator's function can be selected, and has no SELF */
	assert_int_equal(ct_patterns_add(&patterns, "peek", "^malloc$", &error), 0);
	check_shown(
		ct_view_peek, view, 100,
		"    SELF      %       CUM      %  FUNCTION, with callers (<) and callees (>) and their part of its CUM\n"
		"                 6.00 KiB  100.0    < main\n"
		"   0   B    0.0  6.00 KiB   60.0  work a.c\n"
		"                 6.00 KiB  100.0    > leaf\n\n"
		"                 6.00 KiB  100.0    < leaf\n"
		"   0   B    0.0  6.00 KiB   60.0  malloc [libc.so.6]\n\n");
	ct_patterns_fini(&patterns);
	ct_profile_free(profile);
}

static void test_source(void **state)
{
	struct ct_profile *profile = sample();
	struct ct_patterns patterns = {0};
	struct ct_error_text error;
	struct ct_view view = {.profile = profile, .patterns = &patterns, .sort = CT_COLUMN_PEAK};
	char folder[] = "/tmp/ctrace-source-XXXXXX", path[64];
	FILE *file;
	(void)state;
	assert_int_equal(ct_patterns_add(&patterns, "list", "^leaf", &error), 0);
	check_shown(ct_view_source, view, 100,
		    "    SELF    BLOCKS       CUM    BLOCKS    LINE\n"
		    "5.00 KiB         2  5.00 KiB         2  100.0%  leaf a.c\n"
		    "2.00 KiB         1  2.00 KiB         1      10\n"
		    "3.00 KiB         1  3.00 KiB         1      11\n"
		    "the file is not there: --source-path names folders to look in\n\n");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a.c", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	for (int i = 1; i <= 11; i++)
		fprintf(file, "%s\tline %d\033[2J\n", i == 10 ? "a" : "", i);
	fclose(file);
	snprintf(path, sizeof(path), "/nonexistent:%s", folder);
	view.source_path = path;
	check_shown(ct_view_source, view, 100,
		    "    SELF    BLOCKS       CUM    BLOCKS    LINE\n"
		    "5.00 KiB         2  5.00 KiB         2  100.0%  leaf a.c\n"
		    "       .         .         .         .       5          line 5?[2J\n"
		    "       .         .         .         .       6          line 6?[2J\n"
		    "       .         .         .         .       7          line 7?[2J\n"
		    "       .         .         .         .       8          line 8?[2J\n"
		    "       .         .         .         .       9          line 9?[2J\n"
		    "2.00 KiB         1  2.00 KiB         1      10  a       line 10?[2J\n"
		    "3.00 KiB         1  3.00 KiB         1      11          line 11?[2J\n\n");
	snprintf(path, sizeof(path), "%s/a.c", folder);
	unlink(path);
	rmdir(folder);
	ct_patterns_fini(&patterns);
	ct_profile_free(profile);
}

static void test_tree(void **state)
{
	struct ct_profile *profile = sample();
	(void)state;
	check_view(ct_view_tree, profile, CT_COLUMN_TOTAL, 0, 100,
		   "   TOTAL      %  BLOCKS  CALLS\n"
		   "10.0 KiB  100.0       8  all > main\n"
		   "6.00 KiB   60.0       3  ├─ work ×2 > leaf a.c:10\n"
		   "3.00 KiB   30.0       1  ├─ leaf a.c:11\n"
		   "1.00 KiB   10.0       4  └─ (itself)\n");
	ct_profile_free(profile);
}

static void test_summary(void **state)
{
	struct ct_profile *profile = sample();
	(void)state;
	profile->losses.dropped = 1200;
	profile->losses.truncated = 3;
	profile->ended = false;
	profile->timeline_count = 4;
	profile->timeline = calloc(4, sizeof(*profile->timeline));
	for (size_t i = 0; i < 4; i++)
		profile->timeline[i] = (struct ct_timeline_point){.time = (i + 1) * 1250000,
								  .max_bytes = (uint64_t[]){0, 2560, 5120, 1}[i]};
	check_view(ct_view_summary, profile, CT_COLUMN_TOTAL, 0, 46,
		   "lost      1,200 events dropped (numbers too low)\n"
		   "note      3 events with stacks cut at the depth limit (CTRACE_DEPTH raises it)\n"
		   "note      the program was killed or still runs: this is up to its last event\n"
		   "app · pid 42 · ran 5.00 s · recorded by ctrace\n"
		   "command   /bin/app -x\n"
		   "total     10.0 KiB in 8 blocks at 3 sites\n"
		   "peak      5.00 KiB in 2 blocks at 2.50 s (50.0 % of the run)\n"
		   "at end    3.00 KiB in 1 block still live\n"
		   "live          ▄▄▄▄████▁▁▁▁ up to 5.00 KiB\n"
		   "\n");
	ct_profile_free(profile);
}

/* Of a chain that is longer than its line, the first function and the last ones are shown; --full shows all. */
static void test_long_chain(void **state)
{
	static const char *const names[] = {"allocates", "seventh", "sixth",  "sixth", "fifth",
					    "fourth",    "third",   "second", "first", "main"};
	struct ct_profile *profile = ct_profile_new();
	struct ct_view view = {.profile = profile};
	uint32_t ids[10];
	(void)state;
	for (int i = 0; i < 10; i++) {
		struct ct_frame frame;
		char text[32];

		snprintf(text, sizeof(text), "0x1: %s (in /bin/app)", names[i]);
		ct_dhat_frame_parse(profile, text, strlen(text), &frame);
		ids[i] = (uint32_t)ct_profile_frame(profile, &frame);
	}
	ct_profile_site(profile, ids, 10, &(struct ct_counters){.total_bytes = 1024, .total_blocks = 1}, false);
	ct_profile_set_text(&profile->blocks_unit, "blocks", 6);
	ct_profile_set_text(&profile->time_unit, "s", 1);
	check_shown(ct_view_tree, view, 89,
		    "   TOTAL      %  BLOCKS  CALLS\n"
		    "1.00 KiB  100.0       1  all > main > (5 more) > sixth ×2 > seventh > allocates [app]\n");
	check_shown(
		ct_view_tree, view, 120,
		"   TOTAL      %  BLOCKS  CALLS\n"
		"1.00 KiB  100.0       1  all > main > first > second > third > fourth > fifth > sixth ×2 > seventh > "
		"allocates [app]\n");
	view.full = true;
	check_shown(ct_view_tree, view, 81,
		    "   TOTAL      %  BLOCKS  CALLS\n"
		    "1.00 KiB  100.0       1  all > main > first > second > third > fourth > fifth\n"
		    "                            > sixth ×2 > seventh > allocates [app]\n");
	ct_profile_free(profile);
}

/* A deep comb of branches: recursion and indentation stay bounded. */
static void test_deep_tree(void **state)
{
	const struct ct_terminal terminal = {.columns = 80};
	struct ct_view view = {.terminal = &terminal, .out = fopen("/dev/null", "w")};
	struct ct_profile *profile = ct_profile_new();
	struct ct_error_text error;
	uint32_t ids[3000];
	(void)state;
	for (uint32_t i = 0; i < 3000; i++) {
		struct ct_frame frame;
		char text[32];

		snprintf(text, sizeof(text), "0x%x: f%u (a.c:%u)", i + 1, i, i + 1);
		ct_dhat_frame_parse(profile, text, strlen(text), &frame);
		ids[2999 - i] = (uint32_t)ct_profile_frame(profile, &frame);
	}
	for (uint32_t depth = 1; depth <= 3000; depth++)
		ct_profile_site(profile, ids + 3000 - depth, depth,
				&(struct ct_counters){.total_bytes = 1, .total_blocks = 1}, false);
	ct_profile_set_text(&profile->blocks_unit, "blocks", 6);
	ct_profile_set_text(&profile->time_unit, "s", 1);
	view.profile = profile;
	assert_int_equal(ct_view_tree(&view, &error), 0);
	fclose(view.out);
	ct_profile_free(profile);
}

static int use_utf8(void **state)
{
	(void)state;
	return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sites),   cmocka_unit_test(test_columns),   cmocka_unit_test(test_groups),
		cmocka_unit_test(test_peek),    cmocka_unit_test(test_source),    cmocka_unit_test(test_tree),
		cmocka_unit_test(test_summary), cmocka_unit_test(test_deep_tree), cmocka_unit_test(test_long_chain),
	};
	return cmocka_run_group_tests(tests, use_utf8, NULL);
}
