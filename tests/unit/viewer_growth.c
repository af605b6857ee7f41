/* SPDX-License-Identifier: MIT */
/* Leaks, caches and sawteeth, and what looks like them: shapes of live bytes over a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "growth_shapes.h"
#include "model/growth.h"

#define SERIES 500 /* of each shape, with few moments and with many */
#define KINDS CT_GROWTH_KINDS

static enum ct_growth_kind judge_random(size_t shape, unsigned series, bool many, struct ct_growth *growth)
{
	static const size_t lengths[2][2] = {{13, 20}, {48, 130}};
	struct world world = {.random = (shape + 1) * 1000003 + series * 7919 + many};
	struct ct_moment moments[MOMENTS_MAX];
	size_t count = lengths[many][series % 2];
	draw(&shapes[shape], &world, moments, count);
	return ct_growth_judge(moments, count, growth);
}

/* Each shape is judged rightly as often as was measured (docs/design.md). */
static void test_shapes(void **state)
{
	struct ct_growth growth;
	bool failed = false;
	(void)state;
	for (size_t i = 0; i < SHAPES; i++) {
		for (int many = 0; many < 2; many++) {
			unsigned right = 0, verdicts[KINDS] = {0};
			for (unsigned series = 0; series < SERIES; series++) {
				enum ct_growth_kind kind = judge_random(i, series, many, &growth);
				assert_int_equal(kind, growth.kind);
				right += shapes[i].right >> kind & 1;
				verdicts[kind]++;
			}
			if (right * 100 >= (many ? shapes[i].many : shapes[i].few) * SERIES)
				continue;
			failed = true;
			print_error("%s, %s moments: %u of %u right;", shapes[i].name, many ? "many" : "few", right,
				    SERIES);
			for (int kind = 0; kind < KINDS; kind++)
				print_error(" %u %s", verdicts[kind],
					    kind ? ct_growth_name((enum ct_growth_kind)kind) : "none");
			print_error("\n");
		}
	}
	assert_false(failed);
}

struct counts {
	unsigned series, wrong;
};

static double share(struct counts counts)
{
	return counts.wrong / (double)counts.series;
}

/* False alarms and misses over all shapes, and whether a finding is as often right as it is sure. */
static void test_rates(void **state)
{
	struct counts alarms[2] = {0}, misses[2] = {0}, others[2] = {0}, unsure = {0}, sure = {0};
	(void)state;
	for (size_t i = 0; i < SHAPES; i++) {
		bool leaks = shapes[i].right == ONLY(LEAK);
		for (unsigned series = 0; series < SERIES * 2; series++) {
			struct ct_growth growth;
			int many = series >= SERIES;
			bool leak = judge_random(i, series, many, &growth) == CT_GROWTH_LEAK;
			struct counts *counts = leaks ? &misses[many] : &alarms[many];
			counts->series++;
			counts->wrong += leak != leaks;
			others[many].series += !leaks;
			others[many].wrong += !leaks && !(shapes[i].right >> growth.kind & 1);
			if (!leak)
				continue;
			counts = growth.sure < CT_GROWTH_SURE_MAX ? &unsure : &sure;
			counts->series++;
			counts->wrong += !leaks;
		}
	}
	print_message(
		"few moments: %.4f false alarms, %.4f misses, %.4f wrong otherwise; many: %.4f, %.4f, %.4f; wrong findings: "
		"%.4f of %u unsure ones, %.4f of %u sure ones\n",
		share(alarms[0]), share(misses[0]), share(others[0]), share(alarms[1]), share(misses[1]),
		share(others[1]), share(unsure), unsure.series, share(sure), sure.series);
	assert_true(share(alarms[0]) < 0.002 && share(alarms[1]) < 0.002);
	assert_true(share(misses[0]) < 0.09 && share(misses[1]) < 0.025);
	assert_true(share(others[0]) < 0.04 && share(others[1]) < 0.002);
	assert_true(share(unsure) < 0.05 && share(sure) < 0.002);
}

static void test_numbers(void **state)
{
	struct ct_moment moments[13];
	struct ct_growth growth;
	(void)state;
	for (int j = 0; j < 13; j++)
		moments[j] = (struct ct_moment){j * 1000, j < 4 ? 0 : (j - 3) * 500, j < 4 ? 0 : j - 3};
	assert_int_equal(ct_growth_judge(moments, 13, &growth), CT_GROWTH_LEAK);
	assert_true(fabs(growth.slope - 0.5) < 1e-9);
	assert_true(fabs(growth.fit - 1) < 1e-9);
	assert_true(growth.sure == CT_GROWTH_SURE_MAX);
	assert_true(growth.first.time == 3000 && growth.first.bytes == 0);
	assert_true(growth.last.time == 12000 && growth.last.bytes == 4500 && growth.last.blocks == 9);
	assert_int_equal(growth.intervals, 9);
	assert_int_equal(growth.rises, 9);
	assert_int_equal(ct_growth_judge(moments + 6, CT_GROWTH_MOMENTS - 1, &growth), CT_GROWTH_NONE);
	assert_int_equal(ct_growth_judge(moments + 6, CT_GROWTH_MOMENTS, &growth), CT_GROWTH_LEAK);
}

/* When a cache is full, and how often a sawtooth falls. */
static void test_since(void **state)
{
	struct ct_moment moments[40];
	struct ct_growth growth;
	(void)state;
	for (int j = 0; j < 40; j++)
		moments[j] = (struct ct_moment){j * 10, fmin(j, 20) * 100, fmin(j, 20)};
	assert_int_equal(ct_growth_judge(moments, 40, &growth), CT_GROWTH_FULL);
	assert_true(growth.first.time >= 180 && growth.first.time <= 200 && growth.last.bytes == 2000);
	for (int j = 0; j < 40; j++)
		moments[j].bytes = (j % 5 + 1) * 100;
	assert_int_equal(ct_growth_judge(moments, 40, &growth), CT_GROWTH_SAWTOOTH);
	assert_int_equal(growth.falls, 7);
	assert_false(growth.lows_rise);
	/* Four teeth, whose low points rise: too few to call it a leak, but nothing says that they stay. */
	static const double lows[] = {8, 20, 30, 42};
	for (int j = 0; j < 40; j++)
		moments[j].bytes = (lows[j / 10] + j % 10 * 7) * 100;
	assert_int_equal(ct_growth_judge(moments, 40, &growth), CT_GROWTH_SAWTOOTH);
	assert_int_equal(growth.falls, 3);
	assert_true(growth.lows_rise);
	for (int j = 0; j < 40; j++)
		moments[j].bytes = (j % 5 + 1) * 100;
	for (int j = 0; j < 40; j++)
		moments[j].bytes += j * 20;
	assert_int_equal(ct_growth_judge(moments, 40, &growth), CT_GROWTH_LEAK);
	assert_true(growth.slope > 1.5 && growth.slope < 2.5);
}

/* Numbers that only a damaged or made-up file has. */
static void test_odd(void **state)
{
	struct ct_moment moments[13] = {{0}};
	struct ct_growth growth;
	(void)state;
	assert_int_equal(ct_growth_judge(moments, 0, &growth), CT_GROWTH_NONE);
	assert_int_equal(ct_growth_judge(moments, 13, &growth), CT_GROWTH_NONE);
	for (int j = 0; j < 13; j++)
		moments[j] = (struct ct_moment){5, j * 0x1p63, 0};
	assert_int_equal(ct_growth_judge(moments, 13, &growth), CT_GROWTH_NONE);
	struct ct_moment back[120]; /* times that go back and forth */
	for (int j = 0; j < 120; j++)
		back[j] = (struct ct_moment){j * 100 + (j % 2 && j < 119 ? 1300 : 0), j * 100 + 100, j};
	assert_int_equal(ct_growth_judge(back, 120, &growth), CT_GROWTH_LEAK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapes), cmocka_unit_test(test_rates), cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_since),  cmocka_unit_test(test_odd),
	};
	return cmocka_run_group_tests_name("viewer_growth", tests, NULL, NULL);
}
