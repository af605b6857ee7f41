/* SPDX-License-Identifier: MIT */
/* Which moments of a profile count for a group of sites, and with what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/series.h"

#define WHOLE 6

/* Two groups: sites 0 and 1, and the small site 2. A whole snapshot each 100, and a partial one between them. */
struct fixture {
	struct ct_site_row sites[3];
	struct ct_snapshot snapshots[WHOLE * 2];
	struct ct_snapshot_site rows[WHOLE * 2][3];
	struct ct_profile profile;
};

static const uint32_t group_of[] = {0, 0, 1};

static void add(struct fixture *fixture, uint32_t site, uint64_t bytes)
{
	struct ct_snapshot *snapshot = &fixture->snapshots[fixture->profile.snapshot_count - 1];
	snapshot->rows[snapshot->row_count++] = (struct ct_snapshot_site){site, bytes, 1};
	snapshot->bytes += bytes;
	snapshot->blocks++;
}

static void begin(struct fixture *fixture, uint64_t time, bool partial)
{
	size_t number = fixture->profile.snapshot_count++;
	fixture->snapshots[number] =
		(struct ct_snapshot){.time = time, .rows = fixture->rows[number], .partial = partial};
}

/* rest: bytes without a row in the partial snapshots. */
static void make(struct fixture *fixture, uint64_t rest)
{
	*fixture = (struct fixture){0};
	fixture->profile = (struct ct_profile){
		.sites = fixture->sites, .site_count = 3, .snapshots = fixture->snapshots, .end_time = 1000};
	for (unsigned i = 0; i < WHOLE; i++) {
		begin(fixture, i * 100, false);
		add(fixture, 0, 1000);
		add(fixture, 1, 50 + i);
		add(fixture, 2, i);
		begin(fixture, i * 100 + 50, true);
		add(fixture, 0, 1000);
		fixture->snapshots[fixture->profile.snapshot_count - 1].bytes += rest;
	}
	fixture->sites[0].counters.end_bytes = 1000;
	fixture->sites[1].counters.end_bytes = 60;
	fixture->sites[2].counters.end_bytes = 10;
}

static void test_partial(void **state)
{
	static const struct {
		uint64_t rest;
		size_t large, small; /* moments of each group */
	} cases[] = {
		{0, WHOLE * 2 + 1, WHOLE * 2 + 1}, /* what has no row is not there */
		{30, WHOLE * 2 + 1,
		 WHOLE + 1}, /* up to 3 % of the large group may be missing, and all of the small one */
		{60, WHOLE + 1, WHOLE + 1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture fixture;
		struct ct_series series;
		make(&fixture, cases[i].rest);
		assert_int_equal(ct_series_init(&series, &fixture.profile, group_of, 2), 0);
		assert_true(ct_series_enough(&series));
		assert_int_equal(ct_series_collect(&series, 1), cases[i].small);
		assert_int_equal(ct_series_collect(&series, 0), cases[i].large);
		assert_true(series.moments[0].bytes == 1050 && series.moments[0].blocks == 2);
		assert_true(series.moments[1].bytes == (cases[i].large > WHOLE + 1 ? 1000 : 1051));
		assert_true(series.moments[cases[i].large - 1].time == 1000);
		assert_true(series.moments[cases[i].large - 1].bytes == 1060);
		assert_true(series.grown_bytes == 20);
		ct_series_fini(&series);
	}
}

/* The last whole snapshot does not have site 1: its end is no rise. */
static void test_left_out(void **state)
{
	struct fixture fixture;
	struct ct_series series;
	(void)state;
	make(&fixture, 0);
	fixture.snapshots[WHOLE * 2 - 2].rows[1] = fixture.snapshots[WHOLE * 2 - 2].rows[2];
	fixture.snapshots[WHOLE * 2 - 2].row_count = 2;
	assert_int_equal(ct_series_init(&series, &fixture.profile, group_of, 2), 0);
	size_t count = ct_series_collect(&series, 0);
	assert_true(series.moments[count - 1].bytes == 1000);
	ct_series_fini(&series);
}

static void test_few(void **state)
{
	struct fixture fixture;
	struct ct_series series;
	(void)state;
	make(&fixture, 0);
	fixture.profile.snapshot_count = CT_GROWTH_MOMENTS + 1; /* half of them are partial */
	assert_int_equal(ct_series_init(&series, &fixture.profile, group_of, 2), 0);
	assert_false(ct_series_enough(&series));
	ct_series_fini(&series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_partial), cmocka_unit_test(test_left_out),
					   cmocka_unit_test(test_few)};
	return cmocka_run_group_tests_name("viewer_series", tests, NULL, NULL);
}
