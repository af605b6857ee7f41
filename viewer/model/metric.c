/* SPDX-License-Identifier: MIT */
#include "model/metric.h"

#include <string.h>

enum need { NEED_NOTHING, NEED_LIFETIMES, NEED_TEMPORARIES };

static const struct row {
	const char *name, *alias, *member;
	size_t offset; /* in struct ct_counters */
	enum need need;
} rows[CT_METRIC_COUNT] = {
#define ROW(name, alias, member, field, need)                                                                          \
	{                                                                                                              \
		name, alias, member, offsetof(struct ct_counters, field), need                                         \
	}
	[CT_METRIC_TOTAL_BYTES] = ROW("total-bytes", "total", "totalBytes", total_bytes, NEED_NOTHING),
	[CT_METRIC_TOTAL_BLOCKS] = ROW("total-blocks", "blocks", "totalBlocks", total_blocks, NEED_NOTHING),
	[CT_METRIC_MAX_BYTES] = ROW("max-bytes", "max", "maxBytes", max_bytes, NEED_LIFETIMES),
	[CT_METRIC_MAX_BLOCKS] = ROW("max-blocks", NULL, "maxBlocks", max_blocks, NEED_LIFETIMES),
	[CT_METRIC_PEAK_BYTES] = ROW("peak-bytes", "peak", "peakBytes", peak_bytes, NEED_LIFETIMES),
	[CT_METRIC_PEAK_BLOCKS] = ROW("peak-blocks", NULL, "peakBlocks", peak_blocks, NEED_LIFETIMES),
	[CT_METRIC_END_BYTES] = ROW("end-bytes", "end", "endBytes", end_bytes, NEED_LIFETIMES),
	[CT_METRIC_END_BLOCKS] = ROW("end-blocks", NULL, "endBlocks", end_blocks, NEED_LIFETIMES),
	[CT_METRIC_LIFETIME] = ROW("lifetime", NULL, "lifetime", lifetime, NEED_LIFETIMES),
	[CT_METRIC_TEMPORARY_BLOCKS] =
		ROW("temporary-blocks", "temporary", "temporaryBlocks", temporary_blocks, NEED_TEMPORARIES),
	[CT_METRIC_RESIZES] = ROW("resizes", NULL, "resizes", resizes, NEED_TEMPORARIES),
#undef ROW
};

enum ct_metric ct_metric_find(const char *name)
{
	for (int i = 1; i < CT_METRIC_COUNT; i++)
		if (!strcmp(name, rows[i].name) || (rows[i].alias && !strcmp(name, rows[i].alias)))
			return (enum ct_metric)i;
	return CT_METRIC_NONE;
}

const char *ct_metric_name(enum ct_metric metric)
{
	return rows[metric].name;
}

const char *ct_metric_member(enum ct_metric metric)
{
	return rows[metric].member;
}

void ct_metric_list(FILE *out)
{
	for (int i = 1; i < CT_METRIC_COUNT; i++)
		fprintf(out, "%s%s", i > 1 ? ", " : "", rows[i].name);
}

bool ct_metric_exists(const struct ct_profile *profile, enum ct_metric metric)
{
	return rows[metric].need == NEED_NOTHING ||
	       (rows[metric].need == NEED_LIFETIMES ? profile->has_lifetimes : profile->has_temporaries);
}

bool ct_metric_is_bytes(enum ct_metric metric)
{
	return metric == CT_METRIC_TOTAL_BYTES || metric == CT_METRIC_MAX_BYTES || metric == CT_METRIC_PEAK_BYTES ||
	       metric == CT_METRIC_END_BYTES;
}

uint64_t ct_metric_value(const struct ct_counters *counters, enum ct_metric metric)
{
	uint64_t value;
	memcpy(&value, (const char *)counters + rows[metric].offset, sizeof(value));
	return value;
}
