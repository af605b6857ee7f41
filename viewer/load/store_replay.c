/* SPDX-License-Identifier: MIT */
/*
 * What a killed program had not folded. The combiner works in batches and keeps what a batch has changed
 * (struct ct_progress): a batch that was cut short is undone, its round is merged again and goes on where
 * the last whole batch ended, then everything published since follows.
 */
#include <stdlib.h>
#include <string.h>

#include "ctrace/fold.h"
#include "ctrace/timeline.h"
#include "load/store_file.h"

static int undo_batch(struct ct_store_file *store, struct ct_error_text *error)
{
	struct ct_progress *progress = &store->header->progress;
	if (progress->undo_mark != progress->progress + 1)
		return CT_OK;
	if (progress->undo_count > CT_BATCH_EVENTS)
		return ct_store_damaged(error, "undo count out of range");
	for (uint32_t i = 0; i < progress->undo_count; i++) {
		uint32_t id = progress->undo_ids[i];
		if (id >= store->site_count)
			return ct_store_damaged(error, "undo of an unknown site");
		uint32_t node = store->sites[id].node;
		store->sites[id] = progress->undo_sites[i];
		store->sites[id].node = node;
	}
	store->header->totals = progress->undo_totals;
	return CT_OK;
}

static const struct ct_event *event_at(const struct ct_store_file *store, size_t ring, uint64_t index)
{
	return &store->events[ring * CT_RING_EVENTS + (index & (CT_RING_EVENTS - 1))];
}

/* A ring's part in a merge: events [at, end). */
struct source {
	uint64_t at;
	uint64_t end;
	uint64_t ticks; /* of the event at `at` */
	size_t ring;
};

static int compare_sources(const void *left, const void *right)
{
	const struct source *a = left, *b = right;
	if (a->ticks != b->ticks)
		return a->ticks < b->ticks ? -1 : 1;
	return a->ring < b->ring ? -1 : 1;
}

static int fold(struct ct_store_file *store, const struct ct_event *event, struct ct_error_text *error)
{
	uint32_t kind = event->kind & 0xff;
	if (!event->site || event->site >= store->site_count || kind < CT_EVENT_ALLOC || kind > CT_EVENT_RESIZE)
		return ct_store_damaged(error, "bad event in a ring");
	ct_fold_event(&store->sites[event->site], &store->header->totals, event);
	/* A batch that was undone is in the timeline already: once more changes none of its values. */
	ct_timeline_add(store->header, event->ticks);
	if (event->ticks > store->end_ticks)
		store->end_ticks = event->ticks;
	store->replayed++;
	return CT_OK;
}

/* Keep sources sorted by their next event: move the first one to its place. */
static size_t resort_first(struct source *sources, size_t count)
{
	if (sources[0].at == sources[0].end) {
		memmove(sources, sources + 1, (count - 1) * sizeof(*sources));
		return count - 1;
	}
	struct source moved = sources[0];
	size_t i = 1;
	for (; i < count && compare_sources(&sources[i], &moved) < 0; i++)
		sources[i - 1] = sources[i];
	sources[i - 1] = moved;
	return count;
}

/* Fold all sources' events by (ticks, ring), but for the first `skip`. */
static int merge(struct ct_store_file *store, struct source *sources, size_t count, uint64_t skip,
		 struct ct_error_text *error)
{
	for (size_t i = 0; i < count; i++)
		sources[i].ticks = event_at(store, sources[i].ring, sources[i].at)->ticks;
	qsort(sources, count, sizeof(*sources), compare_sources);
	while (count) {
		if (skip) {
			skip--;
		} else {
			int code = fold(store, event_at(store, sources[0].ring, sources[0].at), error);
			if (code)
				return code;
		}
		if (++sources[0].at < sources[0].end)
			sources[0].ticks = event_at(store, sources[0].ring, sources[0].at)->ticks;
		count = resort_first(sources, count);
	}
	return CT_OK;
}

/* Fold from each ring's `from` to its `to` (both by ring index). */
static int merge_ranges(struct ct_store_file *store, const uint64_t *from, const uint64_t *to, uint64_t skip,
			struct ct_error_text *error)
{
	struct source *sources = calloc(store->ring_count + 1, sizeof(*sources));
	if (!sources)
		return ct_error_no_memory(error);
	size_t count = 0;
	int code = CT_OK;
	for (size_t i = 0; i < store->ring_count && !code; i++) {
		if (from[i] > to[i] || to[i] - from[i] > CT_RING_EVENTS)
			code = ct_store_damaged(error, "ring positions out of range");
		else if (from[i] < to[i])
			sources[count++] = (struct source){.at = from[i], .end = to[i], .ring = i};
	}
	if (!code)
		code = merge(store, sources, count, skip, error);
	free(sources);
	return code;
}

static int replay_rings(struct ct_store_file *store, uint64_t *tails, uint64_t *limits, uint64_t *heads,
			struct ct_error_text *error)
{
	const struct ct_progress *progress = &store->header->progress;
	uint64_t round = progress->progress >> 32;
	bool in_round = progress->limits_round == round + 1;
	for (size_t i = 0; i < store->ring_count; i++) {
		heads[i] = store->rings[i].head;
		tails[i] = store->rings[i].tail[round & 1];
		limits[i] = in_round && i < progress->rings ? store->rings[i].limit : tails[i];
	}
	int code = merge_ranges(store, tails, limits, progress->progress & UINT32_MAX, error);
	return code ? code : merge_ranges(store, limits, heads, 0, error);
}

int ct_store_file_replay(struct ct_store_file *store, struct ct_error_text *error)
{
	const struct ct_store_header *header = store->header;
	store->end_ticks = header->latest_ticks;
	int code = undo_batch(store, error);
	uint64_t *positions = calloc(3 * store->ring_count + 1, sizeof(*positions));
	if (!positions)
		return ct_error_no_memory(error);
	if (!code)
		code = replay_rings(store, positions, positions + store->ring_count, positions + 2 * store->ring_count,
				    error);
	free(positions);
	if (header->state != CT_STATE_RECORDING && header->end_ticks)
		store->end_ticks = header->end_ticks;
	return code;
}
