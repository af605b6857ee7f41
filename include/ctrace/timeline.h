/* SPDX-License-Identifier: MIT */
/*
 * The timeline: live bytes and blocks over time, in buckets of equal width. When the buckets run out, each pair of them
 * is merged into one bucket of the other half of header->timeline[]. Then that half becomes the valid one, so a reader
 * never sees half a change. Written by the combiner, under its lock, and by the viewer in its own copy.
 */
#ifndef CTRACE_TIMELINE_H
#define CTRACE_TIMELINE_H

#include "ctrace/store.h"

#define CT_TIMELINE_FIRST_SHIFT 16u /* the first buckets are 2^16 ticks wide: tens of microseconds */

static inline struct ct_timeline_bucket ct_timeline_merge(struct ct_timeline_bucket a, struct ct_timeline_bucket b)
{
	if (b.min_bytes > a.min_bytes)
		b.min_bytes = a.min_bytes;
	if (b.max_bytes < a.max_bytes)
		b.max_bytes = a.max_bytes;
	if (a.rss_bytes)
		b.rss_bytes = a.rss_bytes;
	return b;
}

/* Double the width of the buckets. Returns the half that is valid from now on. */
static inline struct ct_timeline *ct_timeline_double(struct ct_store_header *header)
{
	const struct ct_timeline *old = &header->timeline[header->timeline_half];
	struct ct_timeline *wider = &header->timeline[!header->timeline_half];
	for (uint32_t i = 0; i < CT_TIMELINE_BUCKETS / 2; i++)
		wider->bucket[i] = ct_timeline_merge(old->bucket[2 * i], old->bucket[2 * i + 1]);
	wider->used = CT_TIMELINE_BUCKETS / 2;
	wider->shift = old->shift + 1;
	__atomic_store_n(&header->timeline_half, !header->timeline_half, __ATOMIC_RELEASE);
	return wider;
}

/*
 * The time of a snapshot before an event at `ticks`, the first one since `since`: of all times in between, the one that
 * is a multiple of the largest power of two, so that it stays when readers drop those between multiples. These times
 * are ticks since the segment's start.
 */
static inline uint64_t ct_snapshot_time(uint64_t since, uint64_t ticks, uint32_t width)
{
	if (!since || since > ticks)
		return ticks >> width << width;
	uint32_t free_bits = 63 - (uint32_t)__builtin_clzll((since - 1) ^ ticks);
	return ticks >> free_bits << free_bits;
}

/* The time of the next snapshot after one at `ticks`, with buckets of 2^shift ticks; next_whole: of the next whole one.
 */
static inline uint64_t ct_snapshot_next(uint64_t ticks, uint64_t next_whole, uint32_t shift, uint64_t sites)
{
	uint64_t width = (uint64_t)1 << (shift + CT_PARTIAL_SHIFT), least = CT_PARTIAL_TICKS * sites;
	uint64_t next = (ticks + (least > width ? least : width)) / width * width;
	return next < next_whole ? next : next_whole;
}

/*
 * Extend the timeline to `wanted` buckets. Buckets without events hold what was live before them. A bucket counts once
 * it is written: after a kill in between, a reader would take zeros or old numbers for its minimum and maximum.
 */
static inline void ct_timeline_fill(struct ct_timeline *timeline, uint32_t wanted)
{
	while (timeline->used < wanted) {
		struct ct_timeline_bucket last = timeline->bucket[timeline->used ? timeline->used - 1 : 0];
		last.min_bytes = last.max_bytes = last.last_bytes;
		last.rss_bytes = 0; /* not read */
		timeline->bucket[timeline->used] = last;
		__atomic_store_n(&timeline->used, timeline->used + 1, __ATOMIC_RELEASE);
	}
}

/* Ticks from the segment's start to this time; 0 before it. */
static inline uint64_t ct_segment_time(const struct ct_store_header *header, uint64_t ticks)
{
	uint64_t start = ct_segment_latest(header)->start_ticks;
	return ticks < start ? 0 : ticks - start;
}

/* The bucket for a time; the first one begins where the segment does. *end is the first tick after it. */
static inline struct ct_timeline_bucket *ct_timeline_open(struct ct_store_header *header, uint64_t ticks, uint64_t *end)
{
	struct ct_timeline *timeline = &header->timeline[header->timeline_half];
	uint64_t start = ct_segment_latest(header)->start_ticks;
	ticks = ct_segment_time(header, ticks);
	while (ticks >> timeline->shift >= CT_TIMELINE_BUCKETS) {
		ct_timeline_fill(timeline, CT_TIMELINE_BUCKETS);
		timeline = ct_timeline_double(header);
	}
	uint64_t index = ticks >> timeline->shift;
	ct_timeline_fill(timeline, (uint32_t)index + 1);
	*end = start + ((index + 1) << timeline->shift);
	return &timeline->bucket[index];
}

/* Note the totals after an event of the bucket. */
static inline void ct_timeline_note(struct ct_timeline_bucket *bucket, const struct ct_totals *totals)
{
	uint64_t bytes = (uint64_t)totals->live_bytes;
	if (bytes < bucket->min_bytes)
		bucket->min_bytes = bytes;
	if (bytes > bucket->max_bytes)
		bucket->max_bytes = bytes;
}

/* Note the totals after the latest event of the bucket. */
static inline void ct_timeline_close(struct ct_timeline_bucket *bucket, const struct ct_totals *totals)
{
	bucket->last_bytes = (uint64_t)totals->live_bytes;
	bucket->last_blocks = (uint64_t)totals->live_blocks;
}

/*
 * An event may be folded late: its thread read the clock, but other threads went on before it published the event. Then
 * the live numbers have changed in an earlier bucket than the latest one. The latest bucket must end with the new
 * numbers too.
 */
static inline void ct_timeline_finish(struct ct_store_header *header)
{
	struct ct_timeline *timeline = &header->timeline[header->timeline_half];
	if (!timeline->used)
		return;
	ct_timeline_note(&timeline->bucket[timeline->used - 1], &header->totals);
	ct_timeline_close(&timeline->bucket[timeline->used - 1], &header->totals);
}

/*
 * Note the totals after one event of this time. The combiner, which folds many events into a bucket, uses open, note
 * and close instead.
 */
static inline void ct_timeline_add(struct ct_store_header *header, uint64_t ticks)
{
	uint64_t end;
	struct ct_timeline_bucket *bucket = ct_timeline_open(header, ticks, &end);
	ct_timeline_note(bucket, &header->totals);
	ct_timeline_close(bucket, &header->totals);
}

#endif
