/* SPDX-License-Identifier: MIT */
#include "model/block_filter.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/histogram.h"

#define NS_PER_US 1000.0

const char *ct_block_limit_name(enum ct_block_limit limit)
{
	static const char *const names[] = {"min-size", "max-size", "older", "younger"};
	return names[limit];
}

bool ct_block_filter_any(const struct ct_block_filter *filter)
{
	for (int i = 0; i < CT_BLOCK_LIMITS; i++)
		if (filter->texts[i])
			return true;
	return false;
}

static bool is_size(enum ct_block_limit limit)
{
	return limit == CT_LIMIT_MIN_SIZE || limit == CT_LIMIT_MAX_SIZE;
}

/* The factor of a unit; 0: there is no such unit. */
static double unit_of(enum ct_block_limit limit, const char *unit)
{
	static const struct {
		const char *name;
		double factor;
	} times[] = {{"ns", 1}, {"us", 1e3},   {"µs", 1e3}, {"ms", 1e6},   {"s", 1e9},
		     {"", 1e9}, {"min", 60e9}, {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}},
	  sizes[] = {{"", 1},         {"b", 1},      {"k", 0x1p10},   {"kib", 0x1p10}, {"m", 0x1p20},
		     {"mib", 0x1p20}, {"g", 0x1p30}, {"gib", 0x1p30}, {"t", 0x1p40},   {"tib", 0x1p40},
		     {"kb", 1e3},     {"mb", 1e6},   {"gb", 1e9},     {"tb", 1e12}};
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (!is_size(limit) && !strcmp(unit, times[i].name))
			return times[i].factor;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (is_size(limit) && !strcasecmp(unit, sizes[i].name))
			return sizes[i].factor;
	return 0;
}

bool ct_block_filter_set(struct ct_block_filter *filter, enum ct_block_limit limit, const char *text)
{
	char *end;
	double number = strtod(text, &end);
	if (!isdigit((unsigned char)*text) || text[strspn(text, "0")] == 'x' || text[strspn(text, "0")] == 'X')
		return false;
	while (*end == ' ')
		end++;
	double value = number * unit_of(limit, end);
	if (!isfinite(value) || (unit_of(limit, end) == 0))
		return false;
	filter->texts[limit] = text;
	filter->limits[limit] = value;
	return true;
}

/* The range of a filter: numbers from `from` to below `to`. */
struct range {
	double from, to;
};

static struct range range_of(const struct ct_block_filter *filter, enum ct_histogram_kind kind)
{
	enum ct_block_limit low = kind == CT_HISTOGRAM_SIZES ? CT_LIMIT_MIN_SIZE : CT_LIMIT_OLDER;
	struct range range = {0, INFINITY};
	if (filter->texts[low])
		range.from = ceil(filter->limits[low]);
	if (filter->texts[low + 1])
		range.to = kind == CT_HISTOGRAM_SIZES ? floor(filter->limits[low + 1]) + 1 : filter->limits[low + 1];
	return range;
}

static bool limits_kind(const struct ct_block_filter *filter, enum ct_histogram_kind kind)
{
	enum ct_block_limit low = kind == CT_HISTOGRAM_SIZES ? CT_LIMIT_MIN_SIZE : CT_LIMIT_OLDER;
	return filter->texts[low] || filter->texts[low + 1];
}

static bool overlap(struct range a, struct range b)
{
	return a.from < b.to && b.from < a.to;
}

static bool contains(struct range outer, struct range inner)
{
	return outer.from <= inner.from && inner.to <= outer.to;
}

/* A bucket's numbers, as far as the site's smallest and largest block do not narrow them. */
static struct range bucket_range(const struct ct_profile *profile, const struct ct_site_row *site,
				 enum ct_histogram_kind kind, unsigned bucket)
{
	struct range range = {ct_bucket_start(profile, kind, bucket),
			      bucket + 1 < CT_BUCKETS ? ct_bucket_start(profile, kind, bucket + 1) : INFINITY};
	if (kind == CT_HISTOGRAM_SIZES && profile->has_details) {
		range.from = fmax(range.from, (double)site->counters.smallest_bytes);
		range.to = fmin(range.to, (double)site->counters.largest_bytes + 1);
	}
	return range;
}

static uint64_t count_kind(const struct ct_block_filter *filter, const struct ct_profile *profile,
			   const struct ct_site_row *site, enum ct_histogram_kind kind, struct ct_block_doubt *doubt)
{
	enum ct_block_limit low = kind == CT_HISTOGRAM_SIZES ? CT_LIMIT_MIN_SIZE : CT_LIMIT_OLDER;
	struct range wanted = range_of(filter, kind);
	uint64_t blocks = 0;
	for (unsigned i = 0; i < site->buckets[kind].count; i++) {
		unsigned bucket = site->buckets[kind].low + i;
		uint64_t here = ct_histogram_blocks(profile, site, kind)[i];
		struct range range = bucket_range(profile, site, kind, bucket);
		if (!here || !overlap(wanted, range))
			continue;
		blocks += here;
		if (range.from < wanted.from)
			doubt->rounded[low] = ct_bucket_start(profile, kind, bucket);
		if (wanted.to < range.to)
			doubt->rounded[low + 1] = ct_bucket_start(profile, kind, bucket + 1);
	}
	return blocks;
}

/* Blocks that are live at the end, by age. */
static uint64_t count_live(const struct ct_block_filter *filter, const struct ct_profile *profile,
			   const struct ct_site_row *site, struct ct_block_doubt *doubt)
{
	const struct ct_counters *counters = &site->counters;
	double end = (double)profile->end_time * NS_PER_US;
	struct range ages = {0, end + NS_PER_US}, wanted = range_of(filter, CT_HISTOGRAM_LIFETIMES);
	if (profile->has_details) {
		ages.from = fmax(0, end - (double)counters->latest_time * NS_PER_US);
		ages.to = fmax(ages.from, end - (double)counters->first_time * NS_PER_US) + NS_PER_US;
	}
	if (!counters->end_blocks || !overlap(wanted, ages))
		return 0;
	if (!contains(wanted, ages))
		doubt->live_blocks += counters->end_blocks;
	return counters->end_blocks;
}

uint64_t ct_block_filter_count(const struct ct_block_filter *filter, const struct ct_profile *profile,
			       const struct ct_site_row *site, struct ct_block_doubt *doubt)
{
	uint64_t least = UINT64_MAX;
	if (limits_kind(filter, CT_HISTOGRAM_SIZES))
		least = count_kind(filter, profile, site, CT_HISTOGRAM_SIZES, doubt);
	if (least && limits_kind(filter, CT_HISTOGRAM_LIFETIMES)) {
		uint64_t blocks = count_kind(filter, profile, site, CT_HISTOGRAM_LIFETIMES, doubt) +
				  count_live(filter, profile, site, doubt);
		least = blocks < least ? blocks : least;
	}
	return least;
}
