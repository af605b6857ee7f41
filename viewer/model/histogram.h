/* SPDX-License-Identifier: MIT */
/*
 * Histograms of a site: its blocks by size, and its freed blocks by lifetime. Bucket b is the one of
 * ctrace/histogram.h: it has sizes from 2^b bytes to less than 2^(b+1), or lifetimes from 2^b ticks to less than
 * 2^(b+1). Only profiles with has_histograms have them.
 */
#ifndef CT_MODEL_HISTOGRAM_H
#define CT_MODEL_HISTOGRAM_H

#include "ctrace/histogram.h"
#include "model/profile.h"

/* Blocks by bucket. */
struct ct_spread {
	uint64_t blocks[CT_BUCKETS];
};

/* Add to a site's histogram: `count` buckets from `low` on, all below CT_BUCKETS. 0, or < 0 when out of memory. */
int ct_histogram_add(struct ct_profile *profile, size_t site, enum ct_histogram_kind kind, unsigned low,
		     const uint64_t *blocks, unsigned count);

/*
 * Add the histograms of a site of another profile. If the other one's ticks are longer or shorter, its blocks go to the
 * buckets that overlap theirs most. 0, or < 0 when out of memory.
 */
int ct_histogram_copy(struct ct_profile *to, size_t to_site, const struct ct_profile *from, size_t from_site);

/* The counters of a site's buckets, from the lowest on. */
const uint64_t *ct_histogram_blocks(const struct ct_profile *profile, const struct ct_site_row *site,
				    enum ct_histogram_kind kind);

/* Add a site to a sum. */
void ct_spread_add(struct ct_spread *spread, const struct ct_profile *profile, const struct ct_site_row *site,
		   enum ct_histogram_kind kind);

/* The first and last buckets with blocks. False: none has any. */
bool ct_spread_range(const struct ct_spread *spread, unsigned *first, unsigned *last);

/* The smallest number in a bucket: bytes, or nanoseconds. */
double ct_bucket_start(const struct ct_profile *profile, enum ct_histogram_kind kind, unsigned bucket);

#endif
