/* SPDX-License-Identifier: MIT */
/*
 * The one definition of what an event does to the counters of its site and to the totals. The preload's combiner folds
 * events with it; the viewer uses it to replay events that a killed program had not folded. Pure: it touches only its
 * arguments, and the caller holds whatever lock they need.
 */
#ifndef CTRACE_FOLD_H
#define CTRACE_FOLD_H

#include "ctrace/histogram.h"
#include "ctrace/store.h"

/* The site's bytes, and its blocks, at the process's peak; see ct_site.peak_epoch. */
static inline uint64_t ct_site_peak_bytes(const struct ct_site *site, const struct ct_totals *totals)
{
	return site->peak_epoch == totals->peak_epoch ? site->peak_bytes : (uint64_t)site->live_bytes;
}

static inline uint64_t ct_site_peak_blocks(const struct ct_site *site, const struct ct_totals *totals)
{
	return site->peak_epoch == totals->peak_epoch ? site->peak_blocks : (uint64_t)site->live_blocks;
}

/*
 * What an allocation, resize or ad-hoc event adds to a site apart from sums: extremes of sizes and times, and slack.
 * True: the size is between those of earlier blocks.
 */
static inline bool ct_fold_details(struct ct_site *site, const struct ct_event *event)
{
	site->latest_ticks = event->ticks;
	site->slack_bytes += ct_event_slack(event);
	if (__builtin_expect(site->total_blocks && event->bytes >= site->smallest_bytes &&
				     event->bytes <= site->largest_bytes,
			     true))
		return true;
	if (!site->total_blocks)
		site->first_ticks = event->ticks;
	if (!site->total_blocks || event->bytes < site->smallest_bytes)
		site->smallest_bytes = event->bytes;
	if (event->bytes > site->largest_bytes)
		site->largest_bytes = event->bytes;
	return false;
}

/*
 * Add an event to the histogram of sizes. There is nothing to add as long as all blocks are in one bucket. A sampled
 * event's bytes are not the size of its block, so they do not say whether they are.
 */
static inline bool ct_fold_size(const struct ct_site *site, uint64_t *counters, const struct ct_event *event,
				bool between)
{
	if (__builtin_expect(between && site->histogram.sizes == 1 && !(event->kind & CT_EVENT_SIZED), true))
		return true;
	return ct_histogram_add_size(site, counters, ct_event_block_bytes(event), ct_event_blocks(event));
}

static inline void ct_fold_resize(struct ct_site *site, const struct ct_event *event)
{
	uint64_t old_bytes = ct_event_old_bytes(event);
	site->resizes++;
	if (event->kind & CT_EVENT_MOVED) {
		site->moves++;
		site->copied_bytes += event->bytes < old_bytes ? event->bytes : old_bytes;
	}
}

static inline void ct_fold_free(struct ct_site *site, struct ct_totals *totals, const struct ct_event *event)
{
	uint64_t blocks = ct_event_blocks(event), birth = ct_event_birth(event);
	site->lifetime_ticks += (ct_tick_sum)(event->ticks - birth) * blocks;
	site->birth_ticks -= (ct_tick_sum)birth * blocks;
	site->live_bytes -= (int64_t)event->bytes;
	site->live_blocks -= (int64_t)blocks;
	totals->live_bytes -= (int64_t)event->bytes;
	totals->live_blocks -= (int64_t)blocks;
	if (event->kind & CT_EVENT_TEMPORARY)
		site->temporary_blocks += blocks;
}

/* Before a site's first change since the latest peak: what is live now was live at the peak. */
static inline __attribute__((always_inline)) void ct_site_keep_peak(struct ct_site *site,
								    const struct ct_totals *totals)
{
	if (site->peak_epoch != totals->peak_epoch) {
		site->peak_bytes = (uint64_t)site->live_bytes;
		site->peak_blocks = (uint64_t)site->live_blocks;
		site->peak_epoch = totals->peak_epoch;
	}
}

/* After the live bytes have changed. */
static inline __attribute__((always_inline)) void ct_fold_extremes(struct ct_site *site, struct ct_totals *totals,
								   uint64_t ticks)
{
	if (site->live_bytes >= (int64_t)site->max_bytes) {
		site->max_bytes = (uint64_t)site->live_bytes;
		site->max_blocks = (uint64_t)site->live_blocks;
	}
	if (totals->live_bytes >= (int64_t)totals->peak_bytes) {
		totals->peak_bytes = (uint64_t)totals->live_bytes;
		totals->peak_blocks = (uint64_t)totals->live_blocks;
		totals->peak_ticks = ticks;
		totals->peak_epoch++;
	}
}

/* For a free: the block is of an earlier segment, so this one does not have it, and nothing is counted. */
static inline bool ct_fold_is_stale(const struct ct_totals *totals, const struct ct_event *event)
{
	return ct_event_birth(event) < totals->start_ticks;
}

/*
 * Add one event to its site, its site's histograms and the totals. Events must come in the order of merge.h. False: it
 * is not in the histogram yet, which must be widened (ct_histogram_widen).
 */
static inline __attribute__((always_inline)) bool ct_fold_event(struct ct_site *site, struct ct_totals *totals,
								uint64_t *counters, const struct ct_event *event)
{
	ct_site_keep_peak(site, totals);
	enum ct_event_kind kind = ct_event_kind(event);
	if (kind != CT_EVENT_ALLOC) {
		if (kind == CT_EVENT_FREE) {
			if (ct_fold_is_stale(totals, event))
				return true;
			ct_fold_free(site, totals, event);
			return ct_histogram_add_lifetime(site, counters, event->ticks - ct_event_birth(event),
							 ct_event_blocks(event));
		}
		if (kind == CT_EVENT_AD_HOC) { /* does not belong to the heap: no totals */
			bool between = ct_fold_details(site, event);
			site->total_bytes += event->bytes;
			site->total_blocks++;
			return ct_fold_size(site, counters, event, between);
		}
	}

	uint64_t blocks = ct_event_blocks(event);
	int64_t growth = (int64_t)event->bytes;
	if (kind == CT_EVENT_RESIZE) {
		growth -= (int64_t)ct_event_old_bytes(event);
		ct_fold_resize(site, event);
	} else {
		site->birth_ticks += (ct_tick_sum)event->ticks * blocks;
		site->live_blocks += (int64_t)blocks;
		totals->live_blocks += (int64_t)blocks;
	}
	bool between = ct_fold_details(site, event);
	site->total_bytes += event->bytes;
	site->total_blocks += blocks;
	site->live_bytes += growth;
	totals->total_bytes += event->bytes;
	totals->total_blocks += blocks;
	totals->live_bytes += growth;
	ct_fold_extremes(site, totals, event->ticks);
	return ct_fold_size(site, counters, event, between);
}

#endif
