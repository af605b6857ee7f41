/* SPDX-License-Identifier: MIT */
/*
 * How a slice of time is added to the sites and the totals. A *slice* is the events of all rings between two moments.
 * It can be folded by itself, beside slices before and after it, into a *table* with an entry for each of its sites.
 * All numbers of a table are relative to the slice's start: live values begin at 0, and maxima may be negative. Adding
 * the tables in the order of the slices gives the same numbers as folding the events one after the other, since
 *
 *   max  = max(max, live + slice.max)      the slice's maximum is its latest one on ties, and so is the sum's
 *   live = live + slice.live               all other counters are sums too, and so are the histograms
 *
 * and the same holds for the process and its peak. Only the number of peaks differs (ct_totals.peak_epoch): a slice
 * counts as one. Entries are in the order in which the slice's sites first occur in the order of merge.h, so a reader
 * that folds the same events gets the same table. The preload's combiner and the viewer use this. Pure, like fold.h.
 */
#ifndef CTRACE_SLICE_H
#define CTRACE_SLICE_H

#include <stddef.h>

#include "ctrace/fold.h"
#include "ctrace/timeline.h"

/*
 * An entry is a struct ct_site. Its `batch` is the site's number, and its histogram has its counters among those of the
 * table. What a slice adds apart from its entries:
 */
struct ct_slice_sums {
	struct ct_totals totals; /* peak_epoch 0: the slice has no allocation */
	int64_t least_bytes; /* live, after some event */
	int64_t most_bytes;
};

static inline void ct_slice_begin(struct ct_slice_sums *slice, uint64_t start_ticks)
{
	*slice = (struct ct_slice_sums){.least_bytes = INT64_MAX, .most_bytes = INT64_MIN};
	slice->totals.peak_bytes = (uint64_t)INT64_MIN;
	slice->totals.start_ticks = start_ticks;
}

static inline void ct_slice_begin_entry(struct ct_site *entry, uint32_t site)
{
	uint64_t *words = (uint64_t *)entry;
#pragma GCC unroll 32
	for (size_t i = 0; i < sizeof(*entry) / sizeof(*words); i++) /* else gcc uses rep stos */
		words[i] = 0;
	entry->max_bytes = (uint64_t)INT64_MIN;
	entry->batch = site;
}

/* False: as for ct_fold_event, here for the entry's histogram. */
static inline __attribute__((always_inline)) bool ct_slice_fold_event(struct ct_slice_sums *slice,
								      struct ct_site *entry, uint64_t *counters,
								      const struct ct_event *event)
{
	bool known = ct_fold_event(entry, &slice->totals, counters, event);
	if (slice->totals.live_bytes < slice->least_bytes)
		slice->least_bytes = slice->totals.live_bytes;
	if (slice->totals.live_bytes > slice->most_bytes)
		slice->most_bytes = slice->totals.live_bytes;
	return known;
}

/* Does the process have a new peak in the slice? totals: those before the slice, here and below. */
static inline bool ct_slice_has_peak(const struct ct_slice_sums *slice, const struct ct_totals *totals)
{
	return slice->totals.peak_epoch &&
	       totals->live_bytes + (int64_t)slice->totals.peak_bytes >= (int64_t)totals->peak_bytes;
}

static inline void ct_slice_add_details(struct ct_site *site, const struct ct_site *entry)
{
	if (!entry->total_blocks)
		return;
	if (!site->total_blocks) {
		site->smallest_bytes = entry->smallest_bytes;
		site->first_ticks = entry->first_ticks;
	}
	if (entry->smallest_bytes < site->smallest_bytes)
		site->smallest_bytes = entry->smallest_bytes;
	if (entry->largest_bytes > site->largest_bytes)
		site->largest_bytes = entry->largest_bytes;
	site->latest_ticks = entry->latest_ticks;
	site->total_bytes += entry->total_bytes;
	site->total_blocks += entry->total_blocks;
	site->slack_bytes += entry->slack_bytes;
	site->resizes += entry->resizes;
	site->moves += entry->moves;
	site->copied_bytes += entry->copied_bytes;
}

/* Add an entry to its site, except for the histogram. peak: ct_slice_has_peak. */
static inline void ct_slice_add_entry(struct ct_site *site, const struct ct_site *entry,
				      const struct ct_slice_sums *slice, const struct ct_totals *totals, bool peak)
{
	uint64_t live_bytes = (uint64_t)site->live_bytes, live_blocks = (uint64_t)site->live_blocks;
	if (peak) {
		bool changed = entry->peak_epoch == slice->totals.peak_epoch; /* after the peak */
		site->peak_bytes = live_bytes + (changed ? entry->peak_bytes : (uint64_t)entry->live_bytes);
		site->peak_blocks = live_blocks + (changed ? entry->peak_blocks : (uint64_t)entry->live_blocks);
		site->peak_epoch = totals->peak_epoch + 1;
	} else {
		ct_site_keep_peak(site, totals);
	}
	int64_t max = (int64_t)entry->max_bytes;
	if (max != INT64_MIN && site->live_bytes + max >= (int64_t)site->max_bytes) {
		site->max_bytes = live_bytes + entry->max_bytes;
		site->max_blocks = live_blocks + entry->max_blocks;
	}
	ct_slice_add_details(site, entry);
	site->lifetime_ticks += entry->lifetime_ticks;
	site->birth_ticks += entry->birth_ticks;
	site->temporary_blocks += entry->temporary_blocks;
	site->live_bytes += entry->live_bytes;
	site->live_blocks += entry->live_blocks;
}

/* Widen a range by the `more` buckets from more_low on. */
static inline void ct_slice_include(uint8_t *low, uint8_t *count, uint8_t more_low, uint8_t more)
{
	if (!more)
		return;
	ct_range_include(low, count, more_low);
	ct_range_include(low, count, more_low + more - 1u);
}

/* The site's histogram once it has the buckets of the entry. Its base is not valid yet. */
static inline struct ct_histogram ct_slice_wider(const struct ct_site *site, const struct ct_site *entry)
{
	struct ct_histogram wider = site->histogram;
	const struct ct_histogram *more = &entry->histogram;
	ct_slice_include(&wider.sizes_low, &wider.sizes, more->sizes_low, more->sizes);
	ct_slice_include(&wider.lifetimes_low, &wider.lifetimes, more->lifetimes_low, more->lifetimes);
	return wider;
}

/* skip: leave so many of the first blocks out. */
static inline void ct_slice_add_range(uint64_t *to, const uint64_t *from, unsigned count, uint64_t skip)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t left_out = from[i] < skip ? from[i] : skip;
		skip -= left_out;
		if (from[i] > left_out)
			ct_counter_add(&to[i], from[i] - left_out);
	}
}

/*
 * Add the entry's histogram to that of the site, which has the entry's buckets and does not have the rest of the entry
 * yet. As in a fold of events, only counters that are not lone are changed, with one store for each bucket, from the
 * lowest one on. So after a kill, the first buckets are those that have been added. skip_lifetimes, skip_sizes: how
 * many blocks that is.
 */
static inline void ct_slice_add_histogram(const struct ct_site *site, uint64_t *counters, const struct ct_site *entry,
					  const uint64_t *entry_counters, uint64_t skip_lifetimes, uint64_t skip_sizes)
{
	const struct ct_histogram *histogram = &site->histogram, *more = &entry->histogram;
	const uint64_t *from = &entry_counters[more->base];
	uint64_t lone_lifetimes = ct_site_freed_blocks(entry), lone_sizes = entry->total_blocks;
	uint64_t *to = &counters[histogram->base];
	if (!histogram->base)
		return;
	ct_slice_add_range(to + (more->lifetimes_low - histogram->lifetimes_low), more->base ? from : &lone_lifetimes,
			   more->lifetimes, skip_lifetimes);
	if (histogram->sizes > 1)
		ct_slice_add_range(to + histogram->lifetimes + (more->sizes_low - histogram->sizes_low),
				   more->sizes > 1 ? from + more->lifetimes : &lone_sizes, more->sizes, skip_sizes);
}

/* Add the rest, after all entries. bucket: of the timeline; all events of the slice must lie in it. */
static inline void ct_slice_add_totals(struct ct_totals *totals, struct ct_timeline_bucket *bucket,
				       const struct ct_slice_sums *slice)
{
	const struct ct_totals *sums = &slice->totals;
	uint64_t least = (uint64_t)(totals->live_bytes + slice->least_bytes);
	uint64_t most = (uint64_t)(totals->live_bytes + slice->most_bytes);
	if (least < bucket->min_bytes)
		bucket->min_bytes = least;
	if (most > bucket->max_bytes)
		bucket->max_bytes = most;
	if (ct_slice_has_peak(slice, totals)) {
		totals->peak_bytes = (uint64_t)totals->live_bytes + sums->peak_bytes;
		totals->peak_blocks = (uint64_t)totals->live_blocks + sums->peak_blocks;
		totals->peak_ticks = sums->peak_ticks;
		totals->peak_epoch++;
	}
	totals->total_bytes += sums->total_bytes;
	totals->total_blocks += sums->total_blocks;
	totals->live_bytes += sums->live_bytes;
	totals->live_blocks += sums->live_blocks;
}

#endif
