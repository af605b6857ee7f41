/* SPDX-License-Identifier: MIT */
#include "write/pprof_types.h"

#include <string.h>

#include "write/pprof.h"

/* The first four of the heap are those of every heap profile, in the order that tools expect. */
static const struct known {
	enum ct_profile_mode mode;
	struct ct_pprof_type type;
} known[] = {
	{CT_MODE_HEAP, {CT_METRIC_TOTAL_BLOCKS, "alloc_objects", "count", CT_PPROF_ALLOCATED}},
	{CT_MODE_HEAP, {CT_METRIC_TOTAL_BYTES, "alloc_space", "bytes", CT_PPROF_ALLOCATED}},
	{CT_MODE_HEAP, {CT_METRIC_END_BLOCKS, "inuse_objects", "count", CT_PPROF_LIVE}},
	{CT_MODE_HEAP, {CT_METRIC_END_BYTES, "inuse_space", "bytes", CT_PPROF_LIVE}},
	{CT_MODE_HEAP, {CT_METRIC_PEAK_BYTES, "peak_space", "bytes", CT_PPROF_PEAK}},
	{CT_MODE_COPY, {CT_METRIC_TOTAL_BLOCKS, "copies", "count", CT_PPROF_ALLOCATED}},
	{CT_MODE_COPY, {CT_METRIC_TOTAL_BYTES, "copied_space", "bytes", CT_PPROF_ALLOCATED}},
	{CT_MODE_AD_HOC, {CT_METRIC_TOTAL_BLOCKS, "events", "count", CT_PPROF_ALLOCATED}},
	{CT_MODE_AD_HOC, {CT_METRIC_TOTAL_BYTES, "units", "count", CT_PPROF_ALLOCATED}},
	{CT_MODE_MAPPINGS, {CT_METRIC_TOTAL_BLOCKS, "mappings", "count", CT_PPROF_ALLOCATED}},
	{CT_MODE_MAPPINGS, {CT_METRIC_TOTAL_BYTES, "mapped_space", "bytes", CT_PPROF_ALLOCATED}},
	{CT_MODE_MAPPINGS, {CT_METRIC_END_BLOCKS, "live_mappings", "count", CT_PPROF_LIVE}},
	{CT_MODE_MAPPINGS, {CT_METRIC_END_BYTES, "live_space", "bytes", CT_PPROF_LIVE}},
	{CT_MODE_MAPPINGS, {CT_METRIC_PEAK_BYTES, "peak_space", "bytes", CT_PPROF_PEAK}},
};

void ct_pprof_types_choose(struct ct_pprof_types *types, const struct ct_profile *profile, unsigned parts,
			   enum ct_metric metric)
{
	bool found = false;
	*types = (struct ct_pprof_types){0};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const struct ct_pprof_type *type = &known[i].type;
		if (known[i].mode != profile->mode || !(type->part & parts) || !ct_metric_exists(profile, type->metric))
			continue;
		if (type->metric == metric) {
			types->first = types->count;
			found = true;
		}
		types->rows[types->count++] = *type;
	}
	if (found || parts != CT_PPROF_ALL)
		return;
	/* A metric that Go has no name for comes last. */
	bool microseconds = metric == CT_METRIC_LIFETIME && !strcmp(profile->time_unit, "µs");
	types->first = types->count;
	types->rows[types->count++] = (struct ct_pprof_type){
		.metric = metric,
		.name = ct_metric_name(metric),
		.unit = ct_metric_is_bytes(metric) ? "bytes"
			: microseconds             ? "microseconds"
						   : "count",
	};
}

int64_t ct_pprof_unit_ns(const struct ct_profile *profile)
{
	static const struct {
		const char *unit;
		int64_t ns;
	} units[] = {{"ns", 1}, {"µs", 1000}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}};
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(profile->time_unit, units[i].unit))
			return units[i].ns;
	return 0;
}
