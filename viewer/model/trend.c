/* SPDX-License-Identifier: MIT */
#include "model/trend.h"

#include <stdlib.h>
#include <string.h>

#include "names/names.h"
#include "util/array.h"
#include "util/utf8.h"

void ct_trend_init(struct ct_trend *trend, enum ct_metric metric)
{
	static const enum ct_metric always[] = {CT_METRIC_TOTAL_BYTES, CT_METRIC_PEAK_BYTES, CT_METRIC_END_BYTES,
						CT_METRIC_TOTAL_BLOCKS};
	bool found = false;
	*trend = (struct ct_trend){.metric = metric};
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
		trend->metrics[trend->metric_count++] = always[i];
		found = found || always[i] == metric;
	}
	if (!found)
		trend->metrics[trend->metric_count++] = metric;
}

static int check_units(const struct ct_trend *trend, const char *label, const struct ct_profile *profile,
		       struct ct_error_text *error)
{
	const struct ct_profile *first = trend->profiles[CT_DIFF_OLD];
	if (first && (first->mode != profile->mode || strcmp(first->byte_unit, profile->byte_unit)))
		return ct_error_set(error, CT_ERR_USAGE,
				    "%s counts other things than %s: runs must be recorded in the same mode", label,
				    trend->runs[0].label);
	if (first && trend->metric == CT_METRIC_LIFETIME && strcmp(first->time_unit, profile->time_unit))
		return ct_error_set(error, CT_ERR_USAGE, "%s has another unit of time than %s", label,
				    trend->runs[0].label);
	return CT_OK;
}

static int add_run(struct ct_trend *trend, const char *label, const struct ct_profile *profile,
		   struct ct_error_text *error)
{
	struct ct_trend_run run = {.start_unix_ns = profile->start_unix_ns};
	for (int i = 1; i < CT_METRIC_COUNT; i++) {
		run.has[i] = ct_metric_exists(profile, (enum ct_metric)i);
		run.values[i] = ct_metric_value(&profile->totals, (enum ct_metric)i);
	}
	if (!ct_array_room(&trend->runs, &trend->room, trend->count + 1, sizeof(run)))
		return ct_error_no_memory(error);
	run.label = ct_utf8_clean(label, strlen(label), NULL);
	if (!run.label)
		return ct_error_no_memory(error);
	trend->runs[trend->count++] = run;
	return CT_OK;
}

int ct_trend_add(struct ct_trend *trend, const char *label, struct ct_profile *profile, struct ct_error_text *error)
{
	int code = check_units(trend, label, profile, error);
	if (!code)
		code = add_run(trend, label, profile, error);
	if (code) {
		ct_profile_free(profile);
		return code;
	}
	if (!trend->profiles[CT_DIFF_OLD])
		trend->profiles[CT_DIFF_OLD] = profile;
	if (trend->profiles[CT_DIFF_NEW] != trend->profiles[CT_DIFF_OLD])
		ct_profile_free(trend->profiles[CT_DIFF_NEW]);
	trend->profiles[CT_DIFF_NEW] = profile;
	return CT_OK;
}

static int find_grown(struct ct_trend *trend, const uint32_t *order)
{
	const struct ct_diff *diff = &trend->diff;
	trend->sites = calloc(diff->row_count + 1, sizeof(*trend->sites));
	if (!trend->sites)
		return -1;
	for (size_t i = 0; i < diff->row_count; i++) {
		const struct ct_diff_row *row = &diff->rows[order[i]];
		const struct ct_site_row *site = row->examples[CT_DIFF_NEW];
		int64_t change = ct_diff_change(row, trend->metric);
		if (change > 0 && site)
			trend->sites[trend->site_count++] = (struct ct_trend_site){
				row, ct_origin_own(diff->profiles[CT_DIFF_NEW], &diff->origins[CT_DIFF_NEW], site),
				change};
	}
	return 0;
}

int ct_trend_end(struct ct_trend *trend, struct ct_error_text *error)
{
	if (trend->count < 2)
		return CT_OK;
	const char *const names[CT_DIFF_SIDES] = {trend->runs[0].label, trend->runs[trend->count - 1].label};
	int code = ct_diff_init(&trend->diff, (const struct ct_profile *const *)trend->profiles, names, CT_DIFF_OWN,
				error);
	if (code || !ct_diff_compares(&trend->diff, trend->metric))
		return code;
	uint32_t *order = ct_diff_order(&trend->diff, trend->metric);
	if (!order || find_grown(trend, order))
		code = ct_error_no_memory(error);
	trend->compared = !code;
	free(order);
	return code;
}

void ct_trend_fini(struct ct_trend *trend)
{
	ct_diff_fini(&trend->diff);
	free(trend->sites);
	if (trend->profiles[CT_DIFF_NEW] != trend->profiles[CT_DIFF_OLD])
		ct_profile_free(trend->profiles[CT_DIFF_NEW]);
	ct_profile_free(trend->profiles[CT_DIFF_OLD]);
	for (size_t i = 0; i < trend->count; i++)
		free(trend->runs[i].label);
	free(trend->runs);
}

bool ct_trend_change(const struct ct_trend *trend, size_t run, enum ct_metric metric, int64_t *change)
{
	if (!run || !trend->runs[run].has[metric] || !trend->runs[run - 1].has[metric])
		return false;
	uint64_t old = trend->runs[run - 1].values[metric], new = trend->runs[run].values[metric];
	*change = (int64_t)(new > INT64_MAX ? INT64_MAX : new) - (int64_t)(old > INT64_MAX ? INT64_MAX : old);
	return true;
}

bool ct_trend_ends(const struct ct_trend *trend, enum ct_metric metric, size_t *first, size_t *last)
{
	size_t found = 0;
	for (size_t i = 0; i < trend->count; i++) {
		if (!trend->runs[i].has[metric])
			continue;
		if (!found++)
			*first = i;
		*last = i;
	}
	return found > 1;
}
