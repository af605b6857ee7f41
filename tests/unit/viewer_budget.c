/* SPDX-License-Identifier: MIT */
/* Budgets: lines that are rules, lines that are not, and how rules are applied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "load/dhat/dhat_frame.h"
#include "model/budget.h"
#include "gate/gate.h"

static void add(struct ct_profile *profile, const char *leaf, const char *caller, struct ct_counters counters)
{
	const char *const texts[] = {leaf, caller};
	uint32_t ids[2];
	for (int i = 0; i < 2; i++) {
		struct ct_frame frame;
		assert_int_equal(ct_dhat_frame_parse(profile, texts[i], strlen(texts[i]), &frame), 0);
		ids[i] = (uint32_t)ct_profile_frame(profile, &frame);
	}
	assert_int_equal(ct_profile_site(profile, ids, 2, &counters, false), 0);
}

/* parse: 1000 bytes in 10 blocks, 300 at the peak, 100 at the end. render: 500 bytes in 1 block. Both below main. */
static struct ct_profile *sample(void)
{
	struct ct_profile *profile = ct_profile_new();
	profile->has_lifetimes = true;
	add(profile, "parse(std::vector<int> const&) (in /l/libparse.so.1)", "main (in /bin/app)",
	    (struct ct_counters){.total_bytes = 600, .total_blocks = 6, .max_bytes = 200, .peak_bytes = 200});
	add(profile, "parse(std::vector<int> const&) (in /l/libparse.so.1)", "parse_all.part.0 (in /bin/app)",
	    (struct ct_counters){
		    .total_bytes = 400, .total_blocks = 4, .max_bytes = 150, .peak_bytes = 100, .end_bytes = 100});
	add(profile, "operator new(unsigned long) (in /l/libc.so.6)", "render (in /bin/app)",
	    (struct ct_counters){.total_bytes = 500, .total_blocks = 1, .max_bytes = 500});
	return profile;
}

static struct ct_verdict judge(const char *line, bool growth)
{
	struct ct_profile *profile = sample(), *baseline = sample();
	struct ct_budget budget = {.rules = NULL};
	struct ct_error_text error;
	struct ct_verdict verdict;
	baseline->sites[0].counters.total_bytes -= 100;
	assert_int_equal(
		growth ? ct_budget_add_growth(&budget, line, &error) : ct_budget_add_line(&budget, line, &error), 0);
	assert_int_equal(budget.count, 1);
	assert_int_equal(ct_rule_check(&budget.rules[0], profile, "x", &error), 0);
	assert_int_equal(ct_rule_judge(&budget.rules[0], profile, baseline, &verdict), 0);
	ct_budget_fini(&budget);
	ct_profile_free(profile);
	ct_profile_free(baseline);
	return verdict;
}

static void test_rules(void **state)
{
	static const struct {
		const char *line;
		uint64_t actual, limit;
		bool holds, matched;
	} cases[] = {
		{"total <= 1500", 1500, 1500, true, true},
		{"total < 1500", 1500, 1500, false, true},
		{"total-bytes>=1501 # no", 1500, 1501, false, true},
		{"total > 1499", 1500, 1499, true, true},
		{"\tblocks\t==\t11\r\n", 11, 11, true, true},
		{"blocks = 1k", 11, 1000, false, true},
		{"total <= 1k", 1500, 1024, false, true},
		{"total <= 1.5 KiB", 1500, 1536, true, true},
		{"total <= 1.5kB", 1500, 1500, true, true},
		{"total <= 64 MiB", 1500, 64 << 20, true, true},
		{"total <= 2 g", 1500, UINT64_C(2) << 30, true, true},
		{"total <= 18446744073709551615", 1500, UINT64_MAX, true, true},
		{"max <= 300", 300, 300, true, true},
		{"end == 0", 100, 0, false, true},
		{"function parse total <= 1000", 1000, 1000, true, true},
		{"function parse* total <= 999", 1000, 999, false, true},
		{"function \"parse(std::vector<int> const&)\" total <= 999", 1000, 999, false, true},
		{"function 'parse_all' blocks <= 3", 4, 3, false, true},
		{"function main total <= 600", 600, 600, true, true},
		{"function parse max <= 350", 350, 350, true, true},
		{"function pars total <= 0", 0, 0, true, false},
		{"function nothing total == 1", 0, 1, false, false},
		{"module libparse.so* end <= 99", 100, 99, false, true},
		{"module /l/* total <= 1500", 1500, 1500, true, true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ct_verdict verdict = judge(cases[i].line, false);
		assert_int_equal(verdict.actual, cases[i].actual);
		assert_int_equal(verdict.limit, cases[i].limit);
		assert_int_equal(verdict.holds, cases[i].holds);
		assert_int_equal(verdict.matched, cases[i].matched);
	}
}

static void test_growth(void **state)
{
	static const struct {
		const char *text;
		uint64_t old, limit, actual;
		bool holds;
	} cases[] = {
		{"total 100", 1400, 1500, 1500, true},
		{"total 99", 1400, 1499, 1500, false},
		{"total 7%", 1400, 1498, 1500, false},
		{"total 7.2 %", 1400, 1500, 1500, true},
		{"total 0.3%", 1400, 1404, 1500, false},
		{"blocks 0", 11, 11, 11, true},
		{"peak 0%", 300, 300, 300, true},
		{"function parse total 20%", 900, 1080, 1000, true},
		{"module libparse* total 11%", 900, 999, 1000, false},
		{"total 1 KiB", 1400, 2424, 1500, true},
		{"total 99999999999999999999%", 1400, UINT64_MAX, 1500, true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ct_verdict verdict = judge(cases[i].text, true);
		assert_int_equal(verdict.old, cases[i].old);
		assert_int_equal(verdict.limit, cases[i].limit);
		assert_int_equal(verdict.actual, cases[i].actual);
		assert_int_equal(verdict.holds, cases[i].holds);
	}
}

static void test_bad_lines(void **state)
{
	static const char *const lines[] = {
		"peek <= 5",
		"peak",
		"peak 5",
		"peak <=",
		"peak <= -5",
		"peak <= x",
		"peak <= 0x10",
		"peak <= inf",
		"peak <= nan",
		"peak <= 5 %",
		"peak <= 5 parsecs",
		"peak <= 5 MiB or so",
		"peak <= 1,000",
		"blocks <= 5 MiB",
		"blocks <= 5 b",
		"function",
		"function parse",
		"function total <= 5",
		"function 'a total <= 5",
		"module \"\" end <= 0",
		"peak <= 18446744073709551616",
		"peak <= 99999999999 t",
		"peak <= 1.5e400",
		"peak <= 1e3",
		"peak => 5",
		"function parse max >= 5",
		"<= 5",
		"peak <= 5.5e30 t",
		"averyveryveryveryveryverylongmetricname <= 5",
	};
	struct ct_error_text error;
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct ct_budget budget = {.rules = NULL};
		assert_int_equal(ct_budget_add_line(&budget, lines[i], &error), CT_ERR_USAGE);
		assert_int_equal(budget.count, 0);
		ct_budget_fini(&budget);
	}
	static const char *const nothing[] = {"", "  \t\n", "# peak <= 5", "  # x"};
	for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
		struct ct_budget budget = {.rules = NULL};
		assert_int_equal(ct_budget_add_line(&budget, nothing[i], &error), 0);
		assert_int_equal(budget.count, 0);
	}
	static const char *const growths[] = {"", "peak", "peak <= 5%", "peak -5%", "peak 5%%", "5%", "peak 5% 6%"};
	for (size_t i = 0; i < sizeof(growths) / sizeof(growths[0]); i++) {
		struct ct_budget budget = {.rules = NULL};
		assert_int_equal(ct_budget_add_growth(&budget, growths[i], &error), CT_ERR_USAGE);
		assert_non_null(strstr(error.line, "--max-growth"));
		ct_budget_fini(&budget);
	}
}

static void test_missing_data(void **state)
{
	static const char *const lines[] = {"peak <= 5", "temporary <= 5", "module x end <= 5"};
	struct ct_profile *profile = ct_profile_new();
	struct ct_error_text error;
	(void)state;
	add(profile, "f (a.c:1)", "main (a.c:2)", (struct ct_counters){.total_bytes = 1});
	profile->has_lifetimes = false;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct ct_budget budget = {.rules = NULL};
		assert_int_equal(ct_budget_add_line(&budget, lines[i], &error), 0);
		profile->has_lifetimes = i == 2;
		assert_int_equal(ct_rule_check(&budget.rules[0], profile, "old.json", &error), CT_ERR_USAGE);
		assert_non_null(strstr(error.line, "old.json"));
		ct_budget_fini(&budget);
	}
	ct_profile_free(profile);
}

static void test_sum_above_64_bits(void **state)
{
	struct ct_profile *profile = sample();
	struct ct_budget budget = {.rules = NULL};
	struct ct_error_text error;
	struct ct_verdict verdict;
	(void)state;
	profile->sites[0].counters.total_bytes = UINT64_MAX;
	assert_int_equal(ct_budget_add_line(&budget, "total <= 5000", &error), 0);
	assert_int_equal(ct_rule_judge(&budget.rules[0], profile, NULL, &verdict), 0);
	assert_int_equal(verdict.actual, UINT64_MAX);
	assert_false(verdict.holds);
	ct_budget_fini(&budget);
	ct_profile_free(profile);
}

static void test_table(void **state)
{
	struct ct_profile *profile = ct_profile_new();
	struct ct_budget budget = {.rules = NULL};
	struct ct_verdict verdicts[2];
	struct ct_error_text error;
	char *text;
	size_t length;
	(void)state;
	profile->losses.dropped = 3;
	add(profile, "operator|(a, b) (a.c:1)", "main (a.c:2)",
	    (struct ct_counters){.total_bytes = 10240, .total_blocks = 1});
	assert_int_equal(ct_budget_add_line(&budget, "total <= 10k # at most", &error), 0);
	assert_int_equal(ct_budget_add_line(&budget, "function `x|y total <= 1", &error), 0);
	budget.rules[0].limit--;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(ct_rule_judge(&budget.rules[i], profile, NULL, &verdicts[i]), 0);
	const struct ct_gate_case judged = {
		.budget = &budget, .verdicts = verdicts, .profile = profile, .name = "heap.json", .strict = true};
	struct ct_gate gate;
	assert_int_equal(ct_gate_init(&gate, &judged), 0);
	assert_false(gate.passes);
	FILE *out = open_memstream(&text, &length);
	ct_gate_markdown(&gate, out);
	fclose(out);
	assert_string_equal(text, "heap.json: 2 of 2 rules broken\n"
				  "\n"
				  "| rule | limit | actual | off by | worst sites |\n"
				  "| --- | ---: | ---: | ---: | --- |\n"
				  "| `total <= 10k` | 10.0 KiB | 10.0 KiB | +1 B | `operator\\|` `a.c:1` 10.0 KiB |\n"
				  "| `function 'x\\|y total <= 1` | 1 B | 0 B | -1 B | matches no site |\n"
				  "\n"
				  "warning: heap.json: 3 events dropped (numbers too low)\n");
	free(text);
	ct_gate_fini(&gate);
	ct_budget_fini(&budget);
	ct_profile_free(profile);
}

/* What a writer writes for a rule whose text, file and function have each form's special characters. */
static char *written(void (*write)(const struct ct_gate *, FILE *))
{
	struct ct_profile *profile = ct_profile_new();
	struct ct_budget budget = {.rules = NULL};
	struct ct_verdict verdict;
	struct ct_error_text error;
	struct ct_gate gate;
	char *text;
	size_t length;
	add(profile, "operator new(unsigned long) (in /l/libc.so.6)", "std::vector<int>::push_back(int) (vector.tcc:1)",
	    (struct ct_counters){.total_bytes = 10, .total_blocks = 1});
	const uint32_t ids[] = {
		profile->frame_ids[0], profile->frame_ids[1],
		(uint32_t)ct_profile_frame(
			profile,
			&(struct ct_frame){.function = (uint32_t)ct_profile_string(profile, "a<b>&\"c\"", 8),
					   .file = (uint32_t)ct_profile_string(profile, "/no/x,y:%\xef\xbf\xbf.c", 14),
					   .line = 7,
					   .text = (uint32_t)ct_profile_string(profile, "text", 4)})};
	assert_int_equal(
		ct_profile_site(profile, ids, 3, &(struct ct_counters){.total_bytes = 90, .total_blocks = 1}, false),
		0);
	assert_int_equal(ct_budget_add_line(&budget, "function \"*,:%\r\" total == 1", &error), 0);
	assert_int_equal(ct_rule_judge(&budget.rules[0], profile, NULL, &verdict), 0);
	verdict = (struct ct_verdict){.matched = true, .actual = 100, .limit = 1};
	free(budget.rules[0].pattern);
	budget.rules[0].pattern = strdup("*");
	const struct ct_gate_case judged = {
		.budget = &budget, .verdicts = &verdict, .profile = profile, .name = "heap\nname", .strict = true};
	assert_int_equal(ct_gate_init(&gate, &judged), 0);
	FILE *out = open_memstream(&text, &length);
	write(&gate, out);
	fclose(out);
	ct_gate_fini(&gate);
	ct_budget_fini(&budget);
	ct_profile_free(profile);
	return text;
}

static void test_github(void **state)
{
	(void)state;
	char *text = written(ct_gate_github);
	assert_string_equal(
		text,
		"::error file=/no/x%2Cy%3A%25\xef\xbf\xbf.c,line=7,title=ctrace check%3A function \"*%2C%3A%25\xef\xbf\xbd\" "
		"total == 1::heap\xef\xbf\xbdname: function \"*,:%25\xef\xbf\xbd\" total == 1: 100 B, 99 B above the "
		"limit of 1 B%0A  90 B a<b>&\"c\" x,y:%25\xef\xbf\xbf.c:7%0A  10 B std::vector<int>::push_back vector.tcc:1\n");
	free(text);
}

static void test_junit(void **state)
{
	(void)state;
	char *text = written(ct_gate_junit);
	assert_non_null(strstr(text, "name=\"function &quot;*,:%\xef\xbf\xbd&quot; total == 1\""));
	assert_non_null(strstr(text, " file=\"/no/x,y:%\xef\xbf\xbd.c\" line=\"7\""));
	assert_non_null(strstr(text, "\n90 B a&lt;b&gt;&amp;&quot;c&quot; "));
	free(text);
}

static void test_sarif(void **state)
{
	(void)state;
	char *text = written(ct_gate_sarif);
	assert_non_null(strstr(text, "\"uri\":\"file:///no/x%2Cy%3A%25%EF%BF%BF.c\"},\"region\":{\"startLine\":7}"));
	assert_null(strstr(text, "%SRCROOT%"));
	assert_non_null(strstr(text, "{\"id\":\"function * total-bytes\""));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_missing_data),
		cmocka_unit_test(test_sum_above_64_bits),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_github),
		cmocka_unit_test(test_junit),
		cmocka_unit_test(test_sarif),
	};
	return cmocka_run_group_tests_name("viewer_budget", tests, NULL, NULL);
}
