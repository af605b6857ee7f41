/* SPDX-License-Identifier: MIT */
#include "model/metric.h"

#include <string.h>

enum need {
	NEED_NOTHING,
	NEED_LIFETIMES,
	NEED_TEMPORARIES,
	NEED_DETAILS,
	NEED_SLACK,
	NEED_RECENT,
	NEED_REACH,
	NEED_MEMORY,
	NEED_THREADS,
	NEED_MATCHES
};
enum unit { UNIT_BYTES, UNIT_BLOCKS, UNIT_TIME };
enum sum { SUM_ADD, SUM_MAXIMUM, SUM_SMALLEST, SUM_LARGEST };

static const struct row {
	const char *name, *alias, *member, *dhat;
	size_t offset; /* within struct ct_counters */
	enum need need;
	enum unit unit;
	enum sum sum;
} rows[CT_ALL_COUNT] = {
#define CT_METRIC(metric, field, type, name, alias, member, dhat, need, unit, sum)                                     \
	[CT_METRIC_##metric] = {name,        alias,       member,   dhat, offsetof(struct ct_counters, field),         \
				NEED_##need, UNIT_##unit, SUM_##sum},
#include "model/metrics.def"
#undef CT_METRIC
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
	if (profile->lacks & CT_METRIC_BIT(metric))
		return false;
	switch (rows[metric].need) {
	case NEED_LIFETIMES:
		return profile->has_lifetimes;
	case NEED_TEMPORARIES:
		return profile->has_temporaries;
	case NEED_REACH:
		return profile->has_reach;
	case NEED_MEMORY:
		return profile->has_memory;
	case NEED_DETAILS:
		return profile->has_details;
	case NEED_SLACK:
		return profile->has_details && profile->has_slack;
	case NEED_RECENT:
		return profile->recent_us;
	case NEED_THREADS:
		return profile->has_threads;
	case NEED_MATCHES:
		return profile->has_matches;
	default:
		return true;
	}
}

bool ct_metric_all_exist(const struct ct_profile *profile)
{
	for (int i = CT_METRIC_TOTAL_BYTES; i <= CT_METRIC_END_BLOCKS; i++)
		if (!ct_metric_exists(profile, (enum ct_metric)i))
			return false;
	return true;
}

enum ct_metric ct_metric_main(const struct ct_profile *profile)
{
	static const enum ct_metric others[] = {CT_METRIC_PEAK_BYTES, CT_METRIC_END_BYTES};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (!ct_metric_exists(profile, CT_METRIC_TOTAL_BYTES) && ct_metric_exists(profile, others[i]))
			return others[i];
	return CT_METRIC_TOTAL_BYTES;
}

bool ct_metric_lacks(struct ct_profile *profile, enum ct_metric metric)
{
	switch (rows[metric].need) {
	case NEED_TEMPORARIES:
		profile->has_temporaries = false;
		return true;
	case NEED_DETAILS:
		profile->has_details = false;
		return true;
	case NEED_SLACK:
		profile->has_slack = false;
		return true;
	case NEED_REACH:
		profile->has_reach = false;
		return true;
	case NEED_MEMORY:
		profile->has_memory = false;
		return true;
	default:
		return false;
	}
}

bool ct_metric_is_bytes(enum ct_metric metric)
{
	return rows[metric].unit == UNIT_BYTES;
}

uint64_t *ct_metric_place(struct ct_counters *counters, enum ct_metric metric)
{
	return (uint64_t *)((char *)counters + rows[metric].offset);
}

bool ct_metric_adds_up(enum ct_metric metric)
{
	return rows[metric].sum == SUM_ADD;
}

uint64_t ct_metric_value(const struct ct_counters *counters, enum ct_metric metric)
{
	uint64_t value;
	memcpy(&value, (const char *)counters + rows[metric].offset, sizeof(value));
	return value;
}
