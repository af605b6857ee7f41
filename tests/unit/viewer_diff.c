/* SPDX-License-Identifier: MIT */
/* Diffs: which stacks match across builds and tools, and parts that add up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/dhat/dhat_frame.h"
#include "model/diff.h"
#include "view/diff.h"
#include "write/diff.h"

static const char *const names[] = {"a.json", "b.json"};

/* Add a site: frames separated by '|', leaf first. */
static void add(struct ct_profile *profile, const char *stack, struct ct_counters counters)
{
	uint32_t ids[16], count = 0;
	for (const char *at = stack;; at++) {
		struct ct_frame frame;
		size_t length = strcspn(at, "|");
		assert_int_equal(ct_dhat_frame_parse(profile, at, length, &frame), 0);
		ids[count++] = (uint32_t)ct_profile_frame(profile, &frame);
		at += length;
		if (!*at)
			break;
	}
	assert_int_equal(ct_profile_site(profile, ids, count, &counters, false), 0);
}

static struct ct_profile *make(const char *stack, struct ct_counters counters)
{
	struct ct_profile *profile = ct_profile_new();
	profile->has_lifetimes = true;
	ct_profile_set_text(&profile->program, "/bin/app", 8);
	if (stack)
		add(profile, stack, counters);
	return profile;
}

static void start(struct ct_diff *diff, struct ct_profile *old, struct ct_profile *new)
{
	struct ct_error_text error;
	assert_int_equal(ct_diff_init(diff, (const struct ct_profile *[]){old, new}, names, CT_DIFF_ALL_FRAMES, &error),
			 0);
}

static void end(struct ct_diff *diff)
{
	ct_profile_free((struct ct_profile *)diff->profiles[0]);
	ct_profile_free((struct ct_profile *)diff->profiles[1]);
	ct_diff_fini(diff);
}

static void test_names(void **state)
{
	static const struct {
		const char *name, *kept, *plain;
	} cases[] = {
		{"parse", "parse", "parse"},
		{"parse.part.0", "parse", "parse"},
		{"parse.constprop.0.cold", "parse", "parse"},
		{"parse.particle", "parse.particle", "parse.particle"},
		{"runtime.main", "runtime.main", "runtime.main"},
		{"__libc_start_main@@GLIBC_2.34", "__libc_start_main", "__libc_start_main"},
		{"ns::f(int) [clone .isra.0] [clone .cold]", "ns::f(int)", "f"},
		{"core::fmt::write::h0123456789abcdef", "core::fmt::write", "write"},
		{"core::fmt::write::h0123456789abcdeg", "core::fmt::write::h0123456789abcdeg", "h0123456789abcdeg"},
		{"LazyCompile:*walk /srv/tree.js:10:5", "walk /srv/tree.js", "walk /srv/tree.js"},
		{"JS:~walk /srv/tree.js:12:5", "walk /srv/tree.js", "walk /srv/tree.js"},
		{"py::walk:/srv/a b.py", "py::walk:/srv/a b.py", "walk:/srv/a b.py"},
		{"JS:", "JS:", "JS:"},
		{"void fill<int>(std::vector<int, std::allocator<int> >&, int)", NULL, "fill"},
		{"int& std::vector<int>::emplace_back<int>(int&&)", NULL, "emplace_back"},
		{"std::map<K, V>::operator[](K const&)", NULL, "operator[]"},
		{"operator<< <char>(std::ostream&)", NULL, "operator<< <char>"},
		{"a::operator()(int) const", NULL, "operator()"},
		{"a::operator_like(int)", NULL, "operator_like"},
		{"(anonymous namespace)::work(int)", NULL, "work"},
		{"<alloc::vec::Vec<T> as core::Clone>::clone", NULL, "clone"},
		{"", "", ""},
		{"<<<((", NULL, "<<<(("},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[100];
		size_t length;
		const char *part = ct_chain_name(cases[i].name, &length);
		snprintf(text, sizeof(text), "%.*s", (int)length, part);
		if (cases[i].kept)
			assert_string_equal(text, cases[i].kept);
		part = ct_chain_plain_name(text, &length);
		assert_int_equal(length, strlen(cases[i].plain));
		assert_memory_equal(part, cases[i].plain, length);
	}
}

/* Do two stacks make one row? */
static bool are_one(const char *old, const char *new)
{
	struct ct_diff diff;
	start(&diff, make(old, (struct ct_counters){.total_bytes = 1, .total_blocks = 1}),
	      make(new, (struct ct_counters){.total_bytes = 2, .total_blocks = 1}));
	bool one = diff.row_count == 1;
	end(&diff);
	return one;
}

static void test_chains(void **state)
{
	(void)state;
	assert_true(are_one("0x1: f (a.c:1)|0x2: main (a.c:9)", "0x3: f (a.c:2)|0x4: main (b.c:7)"));
	assert_false(are_one("0x1: f (a.c:1)|0x2: main (a.c:9)", "0x1: g (a.c:1)|0x2: main (a.c:9)"));
	assert_false(are_one("0x1: f (a.c:1)|0x2: main (a.c:9)", "0x1: f (a.c:1)|0x1: f (a.c:1)|0x2: main (a.c:9)"));
	/* allocators, starts */
	assert_true(are_one("malloc (vg_replace_malloc.c:381)|f (a.c:1)|main (a.c:9)|(below main) (in /l/libc.so.6)",
			    "f (a.c:1)|main (a.c:9)|__libc_start_call_main (in /l/libc.so.6)|_start (in /bin/app)"));
	assert_true(are_one("f (a.c:1)|start_thread (in /l/libc.so.6)|clone (in /l/libc.so.6)", "f (a.c:1)"));
	/* modules: folder, version, the module of the program, and different modules */
	assert_true(are_one("f (in /usr/lib/libx.so.1.2)", "f (in /opt/libx.so.2)"));
	assert_false(are_one("f (in /usr/lib/libx.so.1.2)|main (in /bin/app)",
			     "g (in /usr/lib/liby.so.1)|main (in /bin/app)"));
	assert_true(are_one("f (in /bin/app)", "0x77: f (in /bin/app)"));
	/* nameless code: the address is ignored, and consecutive frames count once */
	assert_true(are_one("0x1: ??? (in /l/libx.so)|0x2: ??? (in /l/libx.so)|main (a.c:1)",
			    "0x3: ??? (in /l/libx.so)|main (a.c:1)"));
	assert_false(are_one("0x1: ??? (in /l/libx.so)|main (a.c:1)", "0x1: ??? (in /l/liby.so)|main (a.c:1)"));
	/* inlined functions: only a part of the name */
	assert_true(are_one("push_back (v.h:1)|fill<int> (a.c:1)|main (a.c:2)",
			    "std::vector<int>::push_back(int&&) (v.h:1)|void fill<int>(int) (a.c:1)|main (a.c:2)"));
}

/* Rows with equal full names stay separate from others, although their plain names are equal. */
static void test_plain_names_are_the_second_choice(void **state)
{
	struct ct_counters one = {.total_bytes = 1, .total_blocks = 1};
	struct ct_profile *old = make("fill(int) (a.c:1)", one), *new = make("fill(int) (a.c:1)", one);
	struct ct_diff diff;
	(void)state;
	add(old, "fill(long) (a.c:2)", one);
	add(old, "ns::work() (a.c:2)", one);
	add(old, "ns::work(int) (a.c:2)", one);
	add(new, "fill(char) (a.c:3)", one);
	add(new, "work (a.c:3)", one);
	start(&diff, old, new);
	assert_int_equal(diff.row_count, 3); /* fill(int); fill(long) with fill(char); all of work */
	assert_int_equal(diff.rows[2].values[CT_DIFF_OLD][CT_METRIC_TOTAL_BYTES], 2);
	assert_int_equal(diff.rows[2].values[CT_DIFF_NEW][CT_METRIC_TOTAL_BYTES], 1);
	end(&diff);
}

static void check_causes(struct ct_counters old, struct ct_counters new, enum ct_metric metric, int64_t blocks,
			 int64_t size, int64_t life)
{
	struct ct_diff diff;
	for (int turn = 0; turn < 2; turn++) {
		int64_t parts[CT_CAUSES], sign = turn ? -1 : 1;
		start(&diff, make("f (a.c:1)", turn ? new : old), make("f (a.c:1)", turn ? old : new));
		assert_int_equal(diff.row_count, 1);
		ct_diff_causes(&diff.rows[0], metric, parts);
		assert_int_equal(parts[CT_CAUSE_BLOCKS], sign * blocks);
		assert_int_equal(parts[CT_CAUSE_SIZE], sign * size);
		assert_int_equal(parts[CT_CAUSE_LIFE], sign * life);
		assert_int_equal(blocks + size + life, sign * ct_diff_change(&diff.rows[0], metric));
		end(&diff);
	}
}

static void test_causes(void **state)
{
	const struct ct_counters base = {
		.total_bytes = 1000, .total_blocks = 10, .peak_bytes = 500, .peak_blocks = 5, .lifetime = 100};
	struct ct_counters other = base;
	(void)state;
	/* twice the blocks of the same size and life */
	other.total_bytes *= 2;
	other.total_blocks *= 2;
	other.peak_bytes *= 2;
	other.peak_blocks *= 2;
	other.lifetime *= 2;
	check_causes(base, other, CT_METRIC_TOTAL_BYTES, 1000, 0, 0);
	check_causes(base, other, CT_METRIC_PEAK_BYTES, 500, 0, 0);
	check_causes(base, other, CT_METRIC_PEAK_BLOCKS, 5, 0, 0);
	check_causes(base, other, CT_METRIC_LIFETIME, 100, 0, 0);
}

static void test_other_causes(void **state)
{
	const struct ct_counters base = {.total_bytes = 1000, .total_blocks = 10, .peak_bytes = 500, .peak_blocks = 5};
	(void)state;
	/* bigger: the same number of blocks */
	check_causes(base,
		     (struct ct_counters){.total_bytes = 1500, .total_blocks = 10, .peak_bytes = 750, .peak_blocks = 5},
		     CT_METRIC_TOTAL_BYTES, 0, 500, 0);
	check_causes(base,
		     (struct ct_counters){.total_bytes = 1500, .total_blocks = 10, .peak_bytes = 750, .peak_blocks = 5},
		     CT_METRIC_PEAK_BYTES, 0, 250, 0);
	/* longer: more of them live at the peak */
	check_causes(base,
		     (struct ct_counters){.total_bytes = 1000, .total_blocks = 10, .peak_bytes = 800, .peak_blocks = 8},
		     CT_METRIC_PEAK_BYTES, 0, 0, 300);
	/* more, but shorter: the peak is the same */
	check_causes(base,
		     (struct ct_counters){.total_bytes = 2000, .total_blocks = 20, .peak_bytes = 500, .peak_blocks = 5},
		     CT_METRIC_PEAK_BYTES, 375, 0, -375);
	/* two at once: (3-1) * (10+20)/2 and (20-10) * (1+3)/2 */
	check_causes((struct ct_counters){.total_bytes = 10, .total_blocks = 1},
		     (struct ct_counters){.total_bytes = 60, .total_blocks = 3}, CT_METRIC_TOTAL_BYTES, 30, 20, 0);
	/* new, gone */
	check_causes((struct ct_counters){0}, base, CT_METRIC_TOTAL_BYTES, 1000, 0, 0);
	check_causes((struct ct_counters){0}, base, CT_METRIC_PEAK_BYTES, 500, 0, 0);
	/* blocks of 0 bytes; live blocks on one side only */
	check_causes((struct ct_counters){.total_blocks = 5},
		     (struct ct_counters){.total_bytes = 50, .total_blocks = 5}, CT_METRIC_TOTAL_BYTES, 0, 50, 0);
	check_causes((struct ct_counters){.total_bytes = 50, .total_blocks = 5},
		     (struct ct_counters){.total_bytes = 50, .total_blocks = 5, .peak_bytes = 30, .peak_blocks = 3},
		     CT_METRIC_PEAK_BYTES, 0, 0, 30);
}

/* The parts add up for any numbers. The sanitizers detect overflows. */
static void test_any_numbers_add_up(void **state)
{
	uint64_t seed = 1;
	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct ct_diff_row row = {.chain = 0};
		for (int i = 0; i < 2 * CT_METRIC_COUNT; i++) {
			seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			row.values[i / CT_METRIC_COUNT][i % CT_METRIC_COUNT] = (seed >> 2) >> (seed % 63);
		}
		for (int i = 1; i < CT_METRIC_COUNT; i++) {
			int64_t parts[CT_CAUSES];
			ct_diff_causes(&row, (enum ct_metric)i, parts);
			if (ct_diff_has_cause((enum ct_metric)i, CT_CAUSE_BLOCKS))
				assert_int_equal(parts[0] + parts[1] + parts[2],
						 ct_diff_change(&row, (enum ct_metric)i));
		}
	}
}

static void test_refused(void **state)
{
	struct ct_counters large = {.total_bytes = (UINT64_C(1) << 62) + 1, .total_blocks = 1};
	struct ct_profile *profiles[] = {make("f", large), make("f", (struct ct_counters){.total_blocks = 1})};
	struct ct_error_text error;
	struct ct_diff diff;
	(void)state;
	assert_int_equal(
		ct_diff_init(&diff, (const struct ct_profile *const *)profiles, names, CT_DIFF_ALL_FRAMES, &error),
		CT_ERR_DAMAGED);
	assert_non_null(strstr(error.line, "a.json"));
	ct_diff_fini(&diff);
	profiles[0]->mode = CT_MODE_COPY;
	assert_int_equal(
		ct_diff_init(&diff, (const struct ct_profile *const *)profiles, names, CT_DIFF_ALL_FRAMES, &error),
		CT_ERR_USAGE);
	ct_diff_fini(&diff);
	ct_profile_free(profiles[0]);
	profiles[0] = make(NULL, large);
	profiles[0]->has_lifetimes = false;
	start(&diff, profiles[0], profiles[1]);
	assert_int_equal(ct_diff_check(&diff, CT_METRIC_TOTAL_BYTES, &error), 0);
	assert_int_equal(ct_diff_check(&diff, CT_METRIC_MAX_BYTES, &error), CT_ERR_USAGE);
	assert_int_equal(ct_diff_check(&diff, CT_METRIC_PEAK_BYTES, &error), CT_ERR_USAGE);
	assert_non_null(strstr(error.line, "a.json has no peak-bytes"));
	end(&diff);
}

/* Compares what a view or writer writes. */
static void check_text(const struct ct_diff *diff,
		       int (*write)(const struct ct_diff *, enum ct_metric, FILE *, struct ct_error_text *),
		       const char *wanted)
{
	const struct ct_terminal terminal = {.columns = 100};
	struct ct_error_text error;
	char *text;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	const struct ct_diff_view view = {
		.diff = diff, .terminal = &terminal, .out = out, .metric = CT_METRIC_TOTAL_BYTES, .rows = 2};
	assert_int_equal(write ? write(diff, CT_METRIC_TOTAL_BYTES, out, &error) : ct_view_diff(&view, &error), 0);
	fclose(out);
	assert_string_equal(text, wanted);
	free(text);
}

static void test_text(void **state)
{
	struct ct_profile *old =
		make("f (a.c:1)|main (a.c:9)", (struct ct_counters){.total_bytes = 2048, .total_blocks = 2});
	struct ct_profile *new =
		make("f (a.c:3)|main (a.c:9)", (struct ct_counters){.total_bytes = 8192, .total_blocks = 4});
	struct ct_diff diff;
	(void)state;
	add(old, "g (a.c:5)|main (a.c:9)", (struct ct_counters){.total_bytes = 1024, .total_blocks = 1});
	add(old, "h; 12 (a.c:6)|main (a.c:9)", (struct ct_counters){.total_bytes = 100, .total_blocks = 1});
	add(new, "h; 12 (a.c:6)|main (a.c:9)", (struct ct_counters){.total_bytes = 90, .total_blocks = 1});
	add(old, "i (a.c:7)|main (a.c:9)", (struct ct_counters){.total_bytes = 50, .total_blocks = 1});
	add(new, "i (a.c:7)|main (a.c:9)", (struct ct_counters){.total_bytes = 50, .total_blocks = 1});
	new->losses.dropped = 7;
	start(&diff, old, new);
	check_text(&diff, NULL,
		   "old       a.json - recorded by unknown\n"
		   "new       b.json - recorded by unknown\n"
		   "caution   7 events dropped (numbers too low)\n"
		   "\n"
		   "                   OLD       NEW     CHANGE       %\n"
		   "total-bytes   3.15 KiB  8.14 KiB  +4.99 KiB  +158.6\n"
		   "total-blocks         5         6         +1   +20.0\n"
		   "peak-bytes           -         -          -       -\n"
		   "end-bytes            -         -          -       -\n"
		   "\n"
		   "   CHANGE       %       MORE     BIGGER       OLD       NEW  WHERE\n"
		   "+6.00 KiB  +190.7  +3.00 KiB  +3.00 KiB  2.00 KiB  8.00 KiB  f a.c:3 < main\n"
		   "-1.00 KiB   -31.8  -1.00 KiB          -  1.00 KiB         -  gone g a.c:5 < main\n"
		   "1 more row with - and -10   B; -n 0 shows all\n"
		   "1 row without a difference\n");
	check_text(&diff, ct_write_diff_folded, "main;f 2048 8192\nmain;g 1024 0\nmain;h:_12 100 90\nmain;i 50 50\n");
	end(&diff);
	start(&diff, make("f (a.c:1)", (struct ct_counters){.total_bytes = 1, .total_blocks = 1}),
	      make("f (a.c:2)", (struct ct_counters){.total_bytes = 1, .total_blocks = 1}));
	check_text(&diff, NULL,
		   "old       a.json - recorded by unknown\nnew       b.json - recorded by unknown\nno difference\n");
	end(&diff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_plain_names_are_the_second_choice),
		cmocka_unit_test(test_causes),
		cmocka_unit_test(test_other_causes),
		cmocka_unit_test(test_any_numbers_add_up),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_text),
	};
	return cmocka_run_group_tests_name("viewer_diff", tests, NULL, NULL);
}
