/* SPDX-License-Identifier: MIT */
#include "model/stays.h"

#include <stdlib.h>
#include <string.h>

#include "model/series.h"
#include "util/whole.h"

#define NONE UINT32_MAX
#define RUN_US_MIN 10000 /* what a shorter run does over time is the scheduler's doing */

static int compare_stays(const void *left, const void *right)
{
	const struct ct_stay *a = left, *b = right;
	if (a->counters.end_bytes != b->counters.end_bytes)
		return a->counters.end_bytes > b->counters.end_bytes ? -1 : 1;
	return a->site < b->site ? -1 : a->site > b->site;
}

static bool is_long(const struct ct_profile *profile)
{
	return strcmp(profile->time_unit, "µs") != 0 || profile->end_time >= RUN_US_MIN;
}

/* Flag the functions with much at the end. Returns their number. */
static size_t choose(const struct ct_series *series, uint32_t *of_function)
{
	uint32_t count = 0;
	for (size_t f = 0; f < series->group_count; f++) {
		const struct ct_moment *end = &series->groups[f].end;
		bool much = end->bytes >= CT_STAY_BYTES_MIN || end->blocks >= CT_STAY_BLOCKS_MIN;
		of_function[f] = much ? count++ : NONE;
	}
	return count;
}

static void add_site(struct ct_stay *stay, const struct ct_profile *profile, uint32_t site)
{
	const struct ct_counters *c = &profile->sites[site].counters;
	if (!stay->site_count || c->end_bytes > profile->sites[stay->site].counters.end_bytes)
		stay->site = site;
	stay->site_count += c->end_blocks > 0 || !stay->site_count;
	ct_counters_add(&stay->counters, c);
}

/* A leak that is too small to matter does not count. */
static void judge(struct ct_series *series, size_t function, struct ct_growth *growth)
{
	if (ct_growth_judge(series->moments, ct_series_collect(series, function), growth) == CT_GROWTH_LEAK &&
	    growth->last.bytes - growth->first.bytes < CT_STAY_BYTES_MIN &&
	    growth->last.blocks - growth->first.blocks < CT_STAY_BLOCKS_MIN)
		growth->kind = CT_GROWTH_NONE;
}

int ct_stays_find(struct ct_stays *stays, const struct ct_profile *profile, const uint32_t *function_of,
		  size_t function_count)
{
	struct ct_series series;
	int code = ct_series_init(&series, profile, function_of, function_count);
	*stays = (struct ct_stays){.of_function = calloc(function_count + 1, sizeof(*stays->of_function))};
	if (!code && stays->of_function) {
		stays->count = choose(&series, stays->of_function);
		stays->rows = calloc(stays->count + 1, sizeof(*stays->rows));
		stays->judged = is_long(profile) && ct_series_enough(&series);
		stays->grown_bytes = ct_whole(series.grown_bytes);
	}
	if (!stays->rows)
		stays->count = 0;
	for (size_t i = 0; i < profile->site_count && stays->rows; i++)
		if (stays->of_function[function_of[i]] != NONE)
			add_site(&stays->rows[stays->of_function[function_of[i]]], profile, (uint32_t)i);
	for (size_t f = 0; f < function_count && stays->rows && stays->judged; f++)
		if (stays->of_function[f] != NONE)
			judge(&series, f, &stays->rows[stays->of_function[f]].growth);
	ct_series_fini(&series);
	if (!stays->rows)
		return -1;
	qsort(stays->rows, stays->count, sizeof(*stays->rows), compare_stays);
	for (size_t i = 0; i < stays->count; i++)
		stays->of_function[function_of[stays->rows[i].site]] = (uint32_t)i;
	return 0;
}

void ct_stays_fini(struct ct_stays *stays)
{
	free(stays->rows);
	free(stays->of_function);
	*stays = (struct ct_stays){0};
}

const struct ct_stay *ct_stays_of(const struct ct_stays *stays, uint32_t function)
{
	uint32_t index = stays->of_function ? stays->of_function[function] : NONE;
	return index == NONE ? NULL : &stays->rows[index];
}
