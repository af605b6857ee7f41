/* SPDX-License-Identifier: MIT */
#include "model/metric.h"

#include <string.h>

enum need { NEED_NOTHING, NEED_LIFETIMES, NEED_TEMPORARIES, NEED_DETAILS, NEED_RECENT, NEED_REACH };

static const struct row {
	const char *name, *alias, *member, *dhat;
	size_t offset; /* in struct ct_counters */
	enum need need;
	bool bytes;
} rows[CT_ALL_COUNT] = {
#define ROW(name, alias, member, dhat, field, need, bytes)                                                             \
	{                                                                                                              \
		name, alias, member, dhat, offsetof(struct ct_counters, field), need, bytes                            \
	}
	[CT_METRIC_TOTAL_BYTES] = ROW("total-bytes", "total", "totalBytes", "tb", total_bytes, NEED_NOTHING, true),
	[CT_METRIC_TOTAL_BLOCKS] =
		ROW("total-blocks", "blocks", "totalBlocks", "tbk", total_blocks, NEED_NOTHING, false),
	[CT_METRIC_MAX_BYTES] = ROW("max-bytes", "max", "maxBytes", "mb", max_bytes, NEED_LIFETIMES, true),
	[CT_METRIC_MAX_BLOCKS] = ROW("max-blocks", NULL, "maxBlocks", "mbk", max_blocks, NEED_LIFETIMES, false),
	[CT_METRIC_PEAK_BYTES] = ROW("peak-bytes", "peak", "peakBytes", "gb", peak_bytes, NEED_LIFETIMES, true),
	[CT_METRIC_PEAK_BLOCKS] = ROW("peak-blocks", NULL, "peakBlocks", "gbk", peak_blocks, NEED_LIFETIMES, false),
	[CT_METRIC_END_BYTES] = ROW("end-bytes", "end", "endBytes", "eb", end_bytes, NEED_LIFETIMES, true),
	[CT_METRIC_END_BLOCKS] = ROW("end-blocks", NULL, "endBlocks", "ebk", end_blocks, NEED_LIFETIMES, false),
	[CT_METRIC_LIFETIME] = ROW("lifetime", NULL, "lifetime", "tl", lifetime, NEED_LIFETIMES, false),
	[CT_METRIC_TEMPORARY_BLOCKS] = ROW("temporary-blocks", "temporary", "temporaryBlocks", "tmpk", temporary_blocks,
					   NEED_TEMPORARIES, false),
	[CT_METRIC_RESIZES] = ROW("resizes", NULL, "resizes", "rszk", resizes, NEED_TEMPORARIES, false),
	[CT_METRIC_MOVES] = ROW("moves", NULL, "moves", "mvk", moves, NEED_DETAILS, false),
	[CT_METRIC_COPIED_BYTES] =
		ROW("copied-bytes", "copied", "copiedBytes", "cpb", copied_bytes, NEED_DETAILS, true),
	[CT_METRIC_SLACK_BYTES] = ROW("slack-bytes", "slack", "slackBytes", "slb", slack_bytes, NEED_DETAILS, true),
	[CT_METRIC_LOST_BYTES] = ROW("lost-bytes", "lost", "lostBytes", "lob", lost_bytes, NEED_REACH, true),
	[CT_METRIC_LOST_BLOCKS] = ROW("lost-blocks", NULL, "lostBlocks", "lok", lost_blocks, NEED_REACH, false),
	[CT_METRIC_INDIRECT_BYTES] =
		ROW("indirect-bytes", "indirect", "indirectBytes", "inb", indirect_bytes, NEED_REACH, true),
	[CT_METRIC_INDIRECT_BLOCKS] =
		ROW("indirect-blocks", NULL, "indirectBlocks", "ink", indirect_blocks, NEED_REACH, false),
	[CT_METRIC_POSSIBLE_BYTES] =
		ROW("possible-bytes", "possible", "possibleBytes", "pob", possible_bytes, NEED_REACH, true),
	[CT_METRIC_POSSIBLE_BLOCKS] =
		ROW("possible-blocks", NULL, "possibleBlocks", "pok", possible_blocks, NEED_REACH, false),
	[CT_METRIC_REACHABLE_BYTES] =
		ROW("reachable-bytes", "reachable", "reachableBytes", "reb", reachable_bytes, NEED_REACH, true),
	[CT_METRIC_REACHABLE_BLOCKS] =
		ROW("reachable-blocks", NULL, "reachableBlocks", "rek", reachable_blocks, NEED_REACH, false),
	[CT_METRIC_SMALLEST_BYTES] = ROW("", NULL, "smallestBytes", "szl", smallest_bytes, NEED_DETAILS, true),
	[CT_METRIC_LARGEST_BYTES] = ROW("", NULL, "largestBytes", "szm", largest_bytes, NEED_DETAILS, true),
	[CT_METRIC_FIRST_TIME] = ROW("", NULL, "firstTime", "fat", first_time, NEED_DETAILS, false),
	[CT_METRIC_LATEST_TIME] = ROW("", NULL, "latestTime", "lat", latest_time, NEED_DETAILS, false),
	[CT_METRIC_RECENT_BYTES] = ROW("", NULL, "", "", recent_bytes, NEED_RECENT, true),
	[CT_METRIC_RECENT_BLOCKS] = ROW("", NULL, "", "", recent_blocks, NEED_RECENT, false),
	[CT_METRIC_GROWN_BYTES] = ROW("", NULL, "", "", grown_bytes, NEED_RECENT, true),
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

const char *ct_metric_dhat(enum ct_metric metric)
{
	return rows[metric].dhat;
}

void ct_metric_list(FILE *out)
{
	for (int i = 1; i < CT_METRIC_COUNT; i++)
		fprintf(out, "%s%s", i > 1 ? ", " : "", rows[i].name);
}

bool ct_metric_exists(const struct ct_profile *profile, enum ct_metric metric)
{
	switch (rows[metric].need) {
	case NEED_LIFETIMES:
		return profile->has_lifetimes;
	case NEED_TEMPORARIES:
		return profile->has_temporaries;
	case NEED_REACH:
		return profile->has_reach;
	case NEED_DETAILS:
		return profile->has_details && (metric != CT_METRIC_SLACK_BYTES || profile->has_slack);
	case NEED_RECENT:
		return profile->recent_us;
	default:
		return true;
	}
}

bool ct_metric_is_bytes(enum ct_metric metric)
{
	return rows[metric].bytes;
}

uint64_t *ct_metric_place(struct ct_counters *counters, enum ct_metric metric)
{
	return (uint64_t *)((char *)counters + rows[metric].offset);
}

bool ct_metric_adds_up(enum ct_metric metric)
{
	return metric != CT_METRIC_MAX_BYTES && metric != CT_METRIC_MAX_BLOCKS;
}

uint64_t ct_metric_value(const struct ct_counters *counters, enum ct_metric metric)
{
	uint64_t value;
	memcpy(&value, (const char *)counters + rows[metric].offset, sizeof(value));
	return value;
}
