/* SPDX-License-Identifier: MIT */
/*
 * Folds the events that a killed program had not folded. The combiner works in batches and saves what a batch changes
 * (struct ct_progress). So an interrupted batch is undone. Its round is merged again, and folding continues where the
 * last complete batch ended. If the round was adding a slice's table, the table is made again from the round's events,
 * and adding continues with the next entry. All events published since then follow.
 */
#include <stdlib.h>
#include <string.h>

#include "ctrace/merge.h"
#include "ctrace/timeline.h"
#include "load/store/store_slice.h"
#include "load/store/store_steps.h"

#define EVENT_BYTES_MAX (INT64_MAX / 8)

static int undo_batch(struct ct_store_file *store, struct ct_error_text *error)
{
	struct ct_progress *progress = &store->header->progress;
	if (progress->undo_mark != progress->progress + 1)
		return CT_OK;
	if (progress->undo_count > CT_BATCH_EVENTS)
		return ct_store_damaged(error, "undo count out of range");
	for (uint32_t i = 0; i < progress->undo_count; i++) {
		uint32_t id = progress->undo_ids[i];
		if (!id || id >= store->site_count)
			return ct_store_damaged(error, "undo of an unknown site");
		uint32_t node = store->sites[id].node;
		store->sites[id] = progress->undo_sites[i];
		store->sites[id].node = node;
	}
	store->header->totals = progress->undo_totals;
	return CT_OK;
}

/* A kill has come into a change of a mapping's counters. A site that is newer than this reading has none yet. */
static void undo_mapping(struct ct_store_file *store)
{
	struct ct_mapping_counters *mappings = &store->header->mappings;
	if (!(mappings->changes & 1))
		return;
	if (mappings->undo_site && mappings->undo_site < store->site_count)
		memcpy(&store->sites[mappings->undo_site], &mappings->undo, offsetof(struct ct_site, node));
	mappings->totals = mappings->undo_totals;
	mappings->changes++;
}

/* Mappings are not among the events. */
static void look_at_mappings(struct ct_store_file *store)
{
	undo_mapping(store);
	for (size_t i = 1; i < store->site_count; i++)
		if (store->sites[i].latest_ticks > store->end_ticks &&
		    ct_store_site_mode(store, &store->sites[i]) == CT_MODE_MAPPINGS)
			store->end_ticks = store->sites[i].latest_ticks;
}

static int fold(struct ct_store_file *store, const struct ct_event *event, struct ct_error_text *error)
{
	const struct ct_site *site = &store->sites[event->site];
	const struct ct_totals *totals = &store->header->totals;
	if (!ct_store_is_sane(site->live_bytes, site->live_blocks) ||
	    !ct_store_is_sane(totals->live_bytes, totals->live_blocks))
		return ct_store_damaged(error, "impossible size");
	if (event->ticks >= store->next_snapshot && ct_store_snapshot_at(store, event->ticks))
		return ct_error_no_memory(error);
	int code = ct_store_histograms_fold(store, event, error);
	if (code)
		return code;
	/* An undone batch is already in the timeline; adding it again changes no values. */
	ct_timeline_add(store->header, event->ticks);
	return CT_OK;
}

/* Take one event of the merged rings: fold it, or put it into the slice if there is one. */
static int take(struct ct_store_file *store, struct ct_store_slice *slice, const struct ct_event *event,
		struct ct_error_text *error)
{
	enum ct_event_kind kind = ct_event_kind(event);
	if (!event->site || event->site >= store->site_count || kind < CT_EVENT_ALLOC || kind > CT_EVENT_AD_HOC)
		return ct_store_damaged(error, "bad event in a ring");
	if (event->bytes > EVENT_BYTES_MAX)
		return ct_store_damaged(error, "impossible size");
	int code = slice ? ct_store_slice_fold(slice, store, event, error) : fold(store, event, error);
	if (code)
		return code;
	if (event->ticks >= store->since)
		store->since = event->ticks + 1;
	if (event->ticks > store->end_ticks)
		store->end_ticks = event->ticks;
	store->replayed++;
	return CT_OK;
}

/* Take the events of all sources, from a ring's `at` to its `end`, except for the first `skip` events overall. */
static int merge(struct ct_store_file *store, struct ct_store_slice *slice, struct ct_source *heap, uint32_t count,
		 uint64_t *at, const uint64_t *end, uint64_t skip, struct ct_error_text *error)
{
	ct_source_make_heap(heap, count);
	while (count) {
		struct ct_source *first = &heap[0];
		uint32_t ring = first->ring;
		if (skip) {
			skip--;
		} else {
			int code = take(store, slice, ct_store_event(store, ring, at[ring]), error);
			if (code)
				return code;
		}
		if (++at[ring] < end[ring])
			first->ticks = ct_store_event(store, ring, at[ring])->ticks;
		else
			*first = heap[--count];
		if (count)
			ct_source_sift_down(heap, count, 0);
	}
	return CT_OK;
}

/* Take the events from each ring's `from` to its `to` (both arrays are by ring), except for the first `skip`. */
static int merge_ranges(struct ct_store_file *store, struct ct_store_slice *slice, const uint64_t *from,
			const uint64_t *to, uint64_t skip, struct ct_error_text *error)
{
	struct ct_source *heap = calloc(store->ring_count + 1, sizeof(*heap));
	uint64_t *at = calloc(store->ring_count + 1, sizeof(*at));
	uint32_t count = 0;
	int code = heap && at ? CT_OK : ct_error_no_memory(error);
	for (uint32_t i = 0; i < store->ring_count && !code; i++) {
		at[i] = from[i];
		if (from[i] > to[i] || to[i] - from[i] > ct_ring_events(i))
			code = ct_store_damaged(error, "ring positions out of range");
		else if (from[i] < to[i])
			heap[count++] = (struct ct_source){ct_store_event(store, i, from[i])->ticks, i};
	}
	if (!code)
		code = merge(store, slice, heap, count, at, to, skip, error);
	free(heap);
	free(at);
	return code;
}

/* Finish the round in progress. */
static int finish_round(struct ct_store_file *store, const uint64_t *tails, const uint64_t *limits,
			struct ct_error_text *error)
{
	const struct ct_progress *progress = &store->header->progress;
	if (!ct_round_is_by_site(progress))
		return merge_ranges(store, NULL, tails, limits, ct_round_folded(progress), error);
	struct ct_store_slice slice;
	int code = ct_store_slice_begin(&slice, store, error);
	if (!code)
		code = merge_ranges(store, &slice, tails, limits, 0, error);
	if (!code)
		code = ct_store_slice_add(&slice, store, error);
	ct_store_slice_end(&slice);
	return code;
}

/* Leave out a ring's first events if they belong to the segment before, as the combiner does. */
static void skip_before(const struct ct_store_file *store, size_t ring, uint64_t *at, uint64_t end)
{
	uint64_t start = store->header->totals.start_ticks;
	for (uint64_t count = 0; count < ct_ring_events(ring) && *at < end; count++) {
		if (ct_store_event(store, ring, *at)->ticks >= start)
			break;
		++*at;
	}
}

static int replay_rings(struct ct_store_file *store, uint64_t *tails, uint64_t *limits, uint64_t *heads,
			struct ct_error_text *error)
{
	const struct ct_store_header *header = store->header;
	for (size_t i = 0; i < store->ring_count; i++) {
		const struct ct_ring *ring = &store->rings[i];
		heads[i] = ring->head;
		tails[i] = ct_ring_tail(ring, &header->progress);
		limits[i] = ct_round_begun(&header->progress) && i < header->progress.rings ? ring->limit : tails[i];
		skip_before(store, i, &tails[i], limits[i]);
	}
	int code = finish_round(store, tails, limits, error);
	if (code)
		return code;
	ct_store_check_order(store, tails, limits, heads);
	for (size_t i = 0; i < store->ring_count; i++)
		skip_before(store, i, &limits[i], heads[i]);
	return merge_ranges(store, NULL, limits, heads, 0, error);
}

int ct_store_replay(struct ct_store_file *store, struct ct_error_text *error)
{
	struct ct_store_header *header = store->header;
	store->end_ticks = header->latest_ticks;
	int code = undo_batch(store, error);
	look_at_mappings(store);
	if (!code)
		code = ct_store_histograms_begin(store, error);
	uint64_t *positions = calloc(3 * store->ring_count + 1, sizeof(*positions));
	if (!positions)
		return ct_error_no_memory(error);
	if (!code)
		code = replay_rings(store, positions, positions + store->ring_count, positions + 2 * store->ring_count,
				    error);
	free(positions);
	ct_timeline_finish(header);
	if (header->state != CT_STATE_RECORDING && header->end_ticks)
		store->end_ticks = header->end_ticks;
	return code;
}
