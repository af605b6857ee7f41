/* SPDX-License-Identifier: MIT */
#include "model/histogram.h"

#include <math.h>
#include <string.h>

#include "util/array.h"

#define FS_PER_NS 1e6

/* Widen a site's run to these buckets. The new run is at the end, and the old one is left behind. */
static int widen(struct ct_profile *profile, struct ct_buckets *buckets, unsigned low, unsigned end)
{
	size_t first = profile->bucket_count;
	if (buckets->count) {
		low = low < buckets->low ? low : buckets->low;
		end = end > (unsigned)buckets->low + buckets->count ? end : (unsigned)buckets->low + buckets->count;
	}
	if (first + CT_BUCKETS > UINT32_MAX || !ct_array_room(&profile->bucket_blocks, &profile->bucket_room,
							      first + end - low, sizeof(*profile->bucket_blocks)))
		return -1;
	uint64_t *run = &profile->bucket_blocks[first];
	memset(run, 0, (end - low) * sizeof(*run));
	if (buckets->count)
		memcpy(run + (buckets->low - low), &profile->bucket_blocks[buckets->first],
		       buckets->count * sizeof(*run));
	*buckets = (struct ct_buckets){(uint32_t)first, (uint8_t)low, (uint8_t)(end - low)};
	profile->bucket_count += end - low;
	return 0;
}

int ct_histogram_add(struct ct_profile *profile, size_t site, enum ct_histogram_kind kind, unsigned low,
		     const uint64_t *blocks, unsigned count)
{
	struct ct_buckets *buckets = &profile->sites[site].buckets[kind];
	while (count && !blocks[count - 1])
		count--;
	for (; count && !blocks[0]; count--, blocks++)
		low++;
	if (!count)
		return 0;
	if ((low < buckets->low || low + count > (unsigned)buckets->low + buckets->count) &&
	    widen(profile, buckets, low, low + count))
		return -1;
	uint64_t *run = &profile->bucket_blocks[buckets->first + (low - buckets->low)];
	for (unsigned i = 0; i < count; i++)
		run[i] += blocks[i];
	return 0;
}

const uint64_t *ct_histogram_blocks(const struct ct_profile *profile, const struct ct_site_row *site,
				    enum ct_histogram_kind kind)
{
	return &profile->bucket_blocks[site->buckets[kind].first];
}

/* By how many buckets a lifetime of `from` moves in `to`. */
static int shift_of(const struct ct_profile *to, const struct ct_profile *from)
{
	return (int)lround(log2((double)from->tick_fs / (double)to->tick_fs));
}

int ct_histogram_copy(struct ct_profile *to, size_t to_site, const struct ct_profile *from, size_t from_site)
{
	const struct ct_site_row *site = &from->sites[from_site];
	const struct ct_buckets *sizes = &site->buckets[CT_HISTOGRAM_SIZES];
	struct ct_spread lifetimes = {{0}}, moved = {{0}};
	int shift = shift_of(to, from);
	if (ct_histogram_add(to, to_site, CT_HISTOGRAM_SIZES, sizes->low,
			     ct_histogram_blocks(from, site, CT_HISTOGRAM_SIZES), sizes->count))
		return -1;
	ct_spread_add(&lifetimes, from, site, CT_HISTOGRAM_LIFETIMES);
	for (int i = 0; i < (int)CT_BUCKETS; i++) {
		int bucket = i + shift;
		if (bucket < (int)CT_LIFETIME_BUCKET_MIN)
			bucket = CT_LIFETIME_BUCKET_MIN;
		moved.blocks[bucket < (int)CT_BUCKETS ? bucket : (int)CT_BUCKETS - 1] += lifetimes.blocks[i];
	}
	return ct_histogram_add(to, to_site, CT_HISTOGRAM_LIFETIMES, 0, moved.blocks, CT_BUCKETS);
}

void ct_spread_add(struct ct_spread *spread, const struct ct_profile *profile, const struct ct_site_row *site,
		   enum ct_histogram_kind kind)
{
	const struct ct_buckets *buckets = &site->buckets[kind];
	for (unsigned i = 0; i < buckets->count; i++)
		spread->blocks[buckets->low + i] += ct_histogram_blocks(profile, site, kind)[i];
}

bool ct_spread_range(const struct ct_spread *spread, unsigned *first, unsigned *last)
{
	bool any = false;
	for (unsigned i = 0; i < CT_BUCKETS; i++) {
		if (!spread->blocks[i])
			continue;
		if (!any)
			*first = i;
		*last = i;
		any = true;
	}
	return any;
}

double ct_bucket_start(const struct ct_profile *profile, enum ct_histogram_kind kind, unsigned bucket)
{
	bool sizes = kind == CT_HISTOGRAM_SIZES;
	if (bucket <= (sizes ? CT_SIZE_BUCKET_MIN : CT_LIFETIME_BUCKET_MIN))
		return 0;
	return sizes ? ldexp(1, (int)bucket) : ldexp((double)profile->tick_fs, (int)bucket) / FS_PER_NS;
}
