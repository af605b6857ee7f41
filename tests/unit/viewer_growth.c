/* SPDX-License-Identifier: MIT */
/* Steady growth and what looks like it: shapes of live bytes over a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "model/growth.h"

#define MOMENTS 13

static double line(double t)
{
	return t;
}

static double late_line(double t)
{
	return t < 0.5 ? 0 : t - 0.5;
}

static double very_late_line(double t)
{
	return t < 0.8 ? 0 : t - 0.8;
}

static double above_a_base(double t)
{
	return 100 + t;
}

static double bumpy(double t)
{
	return t + 0.05 * sin(t * 40);
}

/* A cache: it fills and stays. */
static double early_plateau(double t)
{
	return t < 0.3 ? t / 0.3 : 1;
}

static double late_plateau(double t)
{
	return t < 0.8 ? t / 0.8 : 1;
}

static double plateau_between(double t)
{
	return t < 0.35 ? t : t < 0.65 ? 0.35 : t - 0.3;
}

static double one_step(double t)
{
	return t < 0.5 ? 0.1 : 1;
}

static double doubling(double t)
{
	return exp2(floor(t * 4));
}

static double up_and_down(double t)
{
	return 1 - fabs(2 * t - 1);
}

static double sawtooth(double t)
{
	return fmod(t * 5, 1) + t * 0.3;
}

static double shrinking(double t)
{
	return 1 - t;
}

static double flat(double t)
{
	(void)t;
	return 1;
}

static double log_growth(double t)
{
	return log1p(t * 200);
}

static void test_shapes(void **state)
{
	static const struct {
		const char *name;
		double (*shape)(double t);
		bool grows, sure;
	} cases[] = {
		{"line", line, true, true},
		{"late line", late_line, true, true},
		{"above a base", above_a_base, true, true},
		{"bumpy", bumpy, true, true},
		{"very late line", very_late_line, false, false},
		{"early plateau", early_plateau, false, false},
		{"late plateau", late_plateau, false, false},
		{"plateau between", plateau_between, false, false},
		{"one step", one_step, false, false},
		{"doubling", doubling, false, false},
		{"up and down", up_and_down, false, false},
		{"sawtooth", sawtooth, false, false},
		{"shrinking", shrinking, false, false},
		{"flat", flat, false, false},
		{"logarithm", log_growth, false, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ct_moment moments[MOMENTS];
		struct ct_growth growth;
		for (int j = 0; j < MOMENTS; j++) {
			double t = (j + 1.0) / MOMENTS;
			moments[j] = (struct ct_moment){t * 1e6, cases[i].shape(t) * 1e5, cases[i].shape(t) * 100};
		}
		bool grows = ct_growth_find(moments, MOMENTS, &growth);
		if (grows != cases[i].grows || (grows && (growth.fit >= CT_GROWTH_SURE) != cases[i].sure))
			fail_msg("%s: %d, fit %g", cases[i].name, grows, grows ? growth.fit : 0);
	}
}

static void test_numbers(void **state)
{
	struct ct_moment moments[MOMENTS];
	struct ct_growth growth;
	(void)state;
	for (int j = 0; j < MOMENTS; j++)
		moments[j] = (struct ct_moment){j * 1000, j < 4 ? 0 : (j - 3) * 500, j < 4 ? 0 : j - 3};
	assert_true(ct_growth_find(moments, MOMENTS, &growth));
	assert_true(fabs(growth.slope - 0.5) < 1e-9);
	assert_true(fabs(growth.fit - 1) < 1e-9);
	assert_true(growth.first.time == 3000 && growth.first.bytes == 0);
	assert_true(growth.last.time == 12000 && growth.last.bytes == 4500 && growth.last.blocks == 9);
	assert_int_equal(growth.intervals, 9);
	assert_int_equal(growth.rises, 9);
	assert_false(ct_growth_find(moments + 6, CT_GROWTH_MOMENTS - 1, &growth));
	assert_true(ct_growth_find(moments + 6, CT_GROWTH_MOMENTS, &growth));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes), cmocka_unit_test(test_numbers)};
	return cmocka_run_group_tests_name("viewer_growth", tests, NULL, NULL);
}
