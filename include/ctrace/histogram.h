/* SPDX-License-Identifier: MIT */
/*
 * Histograms of a site: how many blocks of each size were allocated, and how many of each lifetime were freed. Their
 * buckets are powers of two, of bytes and of ticks. fold.h adds events to them, in the combiner and in the viewer.
 * Pure: the functions touch only their arguments.
 *
 * A site keeps a *range* for each kind: the buckets from the lowest to the highest that an event fell into. While
 * neither range is wider than one bucket, the site's other counters say how many blocks are in it, and the site has no
 * counters of its own (base 0). Most sites stay like that. The first event of another bucket gives the site a run of
 * counters: those of lifetimes, then those of sizes. When a range widens again, the site gets a new run, and the old
 * one is left behind.
 *
 * A kill needs no undo: an event adds to one counter, with one store, and a batch changes nothing else in the runs that
 * were there before it. So what the batch has added to a run is its sum minus the number of blocks that the site has
 * once the batch is undone. These came from the batch's first events, and the reader folds those again without adding
 * them.
 */
#ifndef CTRACE_HISTOGRAM_H
#define CTRACE_HISTOGRAM_H

#include <stdbool.h>

#include "ctrace/store.h"

/* Bucket b has the numbers from 2^b to 2^(b+1) - 1. The lowest ones also have all smaller numbers. */
#define CT_BUCKETS 64u
#define CT_SIZE_BUCKET_MIN 0u
#define CT_LIFETIME_BUCKET_MIN 10u /* about half a microsecond */

static inline uint32_t ct_bucket(uint64_t number, unsigned lowest)
{
	return 63u ^ (uint32_t)__builtin_clzll(number | (((uint64_t)2 << lowest) - 1));
}

static inline uint32_t ct_size_bucket(uint64_t bytes)
{
	return ct_bucket(bytes, CT_SIZE_BUCKET_MIN);
}

static inline uint32_t ct_lifetime_bucket(uint64_t ticks)
{
	return ct_bucket(ticks, CT_LIFETIME_BUCKET_MIN);
}

/* The blocks of a site that have been freed. */
static inline uint64_t ct_site_freed_blocks(const struct ct_site *site)
{
	return site->total_blocks - site->resizes - (uint64_t)site->live_blocks;
}

/* The size of the block, or of each block that a sampled event stands for. */
static inline uint64_t ct_event_block_bytes(const struct ct_event *event)
{
	bool sized = (event->kind & (CT_EVENT_KIND | CT_EVENT_SIZED)) == (CT_EVENT_ALLOC | CT_EVENT_SIZED);
	return sized ? event->other & CT_EVENT_OLD_BYTES : event->bytes;
}

/* One store. After a kill the reader relies on the order of these stores, so the compiler must keep it. */
static inline void ct_counter_add(uint64_t *counter, uint64_t blocks)
{
	*counter += blocks;
	__asm__ volatile("" : "+m"(*counter));
}

/*
 * Add blocks of one size to a site's histogram. False: their bucket is outside the site's range, so the histogram must
 * be widened first.
 */
static inline bool ct_histogram_add_size(const struct ct_site *site, uint64_t *counters, uint64_t bytes,
					 uint64_t blocks)
{
	const struct ct_histogram *histogram = &site->histogram;
	uint32_t at = ct_size_bucket(bytes) - histogram->sizes_low;
	if (at >= histogram->sizes)
		return false;
	if (histogram->sizes > 1)
		ct_counter_add(&counters[histogram->base + histogram->lifetimes + at], blocks);
	return true;
}

/* The same for a lifetime. If the site has no counters, element 0 takes the blocks, and is never read. */
static inline bool ct_histogram_add_lifetime(const struct ct_site *site, uint64_t *counters, uint64_t ticks,
					     uint64_t blocks)
{
	const struct ct_histogram *histogram = &site->histogram;
	uint32_t at = ct_lifetime_bucket(ticks) - histogram->lifetimes_low;
	if (at >= histogram->lifetimes)
		return false;
	ct_counter_add(&counters[histogram->base + at], blocks);
	return true;
}

static inline void ct_range_include(uint8_t *low, uint8_t *count, uint32_t bucket)
{
	uint32_t from = *low, to = from + *count;
	if (from == to) {
		from = bucket;
		to = bucket + 1;
	}
	*low = (uint8_t)(bucket < from ? bucket : from);
	*count = (uint8_t)((bucket < to ? to : bucket + 1) - *low);
}

/* The histogram once it has the event's bucket. Its base is not valid yet (ct_histogram_place). */
static inline struct ct_histogram ct_histogram_wider(const struct ct_site *site, const struct ct_event *event)
{
	struct ct_histogram wider = site->histogram;
	if (ct_event_kind(event) == CT_EVENT_FREE)
		ct_range_include(&wider.lifetimes_low, &wider.lifetimes,
				 ct_lifetime_bucket(event->ticks - ct_event_birth(event)));
	else
		ct_range_include(&wider.sizes_low, &wider.sizes, ct_size_bucket(ct_event_block_bytes(event)));
	return wider;
}

/*
 * How many counters a histogram needs. A site with counters has one for each bucket, but a lone bucket of sizes is not
 * counted.
 */
static inline unsigned ct_histogram_counters(const struct ct_histogram *histogram)
{
	return histogram->sizes <= 1 && histogram->lifetimes <= 1 ? 0
								  : (unsigned)histogram->sizes + histogram->lifetimes;
}

/* Let its counters begin at `free`, if it needs any. Returns how many that is. */
static inline unsigned ct_histogram_place(struct ct_histogram *wider, uint64_t free)
{
	unsigned needed = ct_histogram_counters(wider);
	wider->base = needed ? (uint32_t)free : 0;
	return needed;
}

/* Copy a range's counters into a wider range. */
static inline void ct_range_copy(uint64_t *to, unsigned to_low, unsigned to_count, const uint64_t *from,
				 unsigned from_low, unsigned from_count)
{
	for (unsigned i = 0; i < to_count; i++) {
		unsigned at = to_low + i - from_low;
		to[i] = at < from_count ? from[at] : 0;
	}
}

/*
 * Give the site a wider histogram, whose base is valid, and move there what the site has so far. The blocks of the site
 * without the event or the slice for which it is widened: lone_lifetimes have been freed, lone_sizes allocated.
 */
static inline void ct_histogram_move(struct ct_site *site, uint64_t *counters, struct ct_histogram wider,
				     uint64_t lone_lifetimes, uint64_t lone_sizes)
{
	const struct ct_histogram *old = &site->histogram;
	const uint64_t *from = &counters[old->base];
	uint64_t *to = &counters[wider.base];
	if (wider.base) {
		ct_range_copy(to, wider.lifetimes_low, wider.lifetimes, old->base ? from : &lone_lifetimes,
			      old->lifetimes_low, old->lifetimes);
		ct_range_copy(to + wider.lifetimes, wider.sizes_low, wider.sizes,
			      old->sizes > 1 ? from + old->lifetimes : &lone_sizes, old->sizes_low, old->sizes);
	}
	site->histogram = wider;
}

/*
 * Give the site a wider histogram (ct_histogram_wider), whose base is valid, and add the event. The site's other
 * counters have the event already.
 */
static inline void ct_histogram_widen(struct ct_site *site, uint64_t *counters, struct ct_histogram wider,
				      const struct ct_event *event)
{
	uint64_t blocks = ct_event_blocks(event);
	bool freed = ct_event_kind(event) == CT_EVENT_FREE;
	ct_histogram_move(site, counters, wider, ct_site_freed_blocks(site) - (freed ? blocks : 0),
			  site->total_blocks - (freed ? 0 : blocks));
	if (freed)
		ct_histogram_add_lifetime(site, counters, event->ticks - ct_event_birth(event), blocks);
	else
		ct_histogram_add_size(site, counters, ct_event_block_bytes(event), blocks);
}

#endif
