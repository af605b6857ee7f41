/* SPDX-License-Identifier: MIT */
/*
 * The combiner: folds the rings' events into the sites in order of time.
 *
 * A round folds a slice, event by event, or by adding the table that a thread has made of it. If it folds a free, it or
 * an earlier round must fold the allocation too; take_events in slice.c explains why that holds. A kill may come after
 * any store to memory; struct ct_progress explains how a reader finishes the round. A reader of the running process's
 * file may look at any moment, too: that is what the fences are for (tests/litmus/batch.litmus).
 */
#include "store/combine.h"
#include "store/event_log.h"

#include "ctrace/fold.h"
#include "ctrace/histogram.h"
#include "ctrace/merge.h"
#include "ctrace/timeline.h"
#include "hot/journal.h"
#include "hot/slow.h"
#include "hot/state.h"
#include "life/rules.h"
#include "store/clock.h"
#include "store/histogram.h"
#include "store/rss.h"
#include "store/slice_table.h"
#include "store/snapshot.h"
#include "sys/lock.h"
#include "tree/thread_name.h"

struct ct_lock ct_lock_combine;

static struct ct_source heap[CT_RINGS_MAX]; /* the sources of the round */
static uint64_t position[CT_RINGS_MAX]; /* next event to fold, by ring */
static uint32_t heap_count;
static uint32_t batch; /* number of the current batch; 0: none yet */

#define AHEAD 24u /* events */
#define ENTRIES_AHEAD 4u
#define TABLE_TICKS 128u /* for each event of a slice, in which its claimer should have made the table */
#define RETRY_EVENTS 64u /* until a thread tries again to claim a slice, at most */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * What a batch changes apart from the sites. It is kept here so that the compiler can hold it in registers, and is
 * written to the store at the end of the batch. A kill before that undoes the batch.
 */
struct folding {
	struct ct_totals totals;
	struct ct_timeline_bucket *bucket; /* that of the latest event */
	uint64_t bucket_end; /* first tick after the bucket; 0: none yet */
	uint32_t batch_left; /* events, or entries of a table, until the batch is full */
};

static inline __attribute__((always_inline)) void begin_batch(struct folding *folding)
{
	struct ct_progress *progress = &ct_tracer.header->progress;
	batch++;
	folding->batch_left = CT_BATCH_EVENTS;
	progress->undo_count = 0;
	progress->undo_totals = folding->totals;
	ct_ordered();
	progress->undo_mark = progress->progress + 1;
	ct_ordered();
}

/* The batch ends with one store to `progress`. */
static inline __attribute__((always_inline)) void end_batch(struct folding *folding)
{
	struct ct_store_header *header = ct_tracer.header;
	header->totals = folding->totals;
	if (folding->bucket)
		ct_timeline_close(folding->bucket, &folding->totals);
	ct_ordered();
	header->progress.progress += CT_BATCH_EVENTS - folding->batch_left;
	ct_ordered();
}

static void count_in_batch(struct folding *folding, uint64_t events)
{
	folding->batch_left -= (uint32_t)events;
	if (!folding->batch_left) {
		end_batch(folding);
		begin_batch(folding);
	}
}

/* This is the batch's first change of the site: keep the site as it was. */
static inline void keep_for_undo(struct ct_site *site, uint32_t id)
{
	struct ct_progress *progress = &ct_tracer.header->progress;
	const uint64_t *from = (const uint64_t *)site;
	uint64_t *to = (uint64_t *)&progress->undo_sites[progress->undo_count];
#pragma GCC unroll 16
	for (size_t i = 0; i < sizeof(*site) / sizeof(*from); i++) /* else gcc uses rep movs: no vector registers */
		to[i] = from[i];
	progress->undo_ids[progress->undo_count] = id;
	ct_ordered();
	progress->undo_count++;
	ct_ordered();
	site->batch = batch;
}

static inline __attribute__((always_inline)) void fold_event(struct ct_totals *totals,
							     struct ct_timeline_bucket **bucket, uint64_t *bucket_end,
							     struct ct_site *sites, uint64_t *counters,
							     const struct ct_event *event)
{
	struct ct_site *site = &sites[event->site];
	if (ct_unlikely(event->ticks >= *bucket_end)) {
		if (*bucket)
			ct_timeline_close(*bucket, totals);
		*bucket = ct_timeline_open(ct_tracer.header, event->ticks, bucket_end);
		ct_snapshot_at(event->ticks);
	}
	if (ct_unlikely(site->batch != batch))
		keep_for_undo(site, event->site);
	if (ct_unlikely(!ct_fold_event(site, totals, counters, event)))
		ct_histogram_take(site, event, true);
	ct_timeline_note(*bucket, totals);
}

/* Fold the events [event, end) of one ring up to the time `until`. Returns how many. */
static __attribute__((noinline, hot)) size_t fold(struct folding *folding, const struct ct_event *event,
						  const struct ct_event *end, uint64_t until)
{
	const struct ct_event *first = event;
	struct ct_totals totals = folding->totals;
	struct ct_timeline_bucket *bucket = folding->bucket;
	uint64_t bucket_end = folding->bucket_end;
	struct ct_site *sites = ct_tracer.sites;
	uint64_t *counters = ct_tracer.counters;
	do
		fold_event(&totals, &bucket, &bucket_end, sites, counters, event);
	while (++event < end && event->ticks <= until);
	folding->totals = totals;
	folding->bucket = bucket;
	folding->bucket_end = bucket_end;
	return (size_t)(event - first);
}

/* Fetch a site's cache lines, to be written. */
static inline void fetch_site(uint32_t site)
{
	const char *lines = (const char *)&ct_tracer.sites[site];
	for (size_t at = 0; at < sizeof(struct ct_site); at += 64)
		__builtin_prefetch(lines + at, 1);
}

/* Fold the events of sorted keys. */
static __attribute__((noinline, hot)) void fold_keys(struct folding *folding, const struct ct_slice_key *key,
						     const struct ct_slice_key *end)
{
	struct ct_totals totals = folding->totals;
	struct ct_timeline_bucket *bucket = folding->bucket;
	uint64_t bucket_end = folding->bucket_end;
	struct ct_site *sites = ct_tracer.sites;
	uint64_t *counters = ct_tracer.counters;
	do {
		if (key + AHEAD < end)
			fetch_site(key[AHEAD].event->site);
		fold_event(&totals, &bucket, &bucket_end, sites, counters, key->event);
	} while (++key < end);
	folding->totals = totals;
	folding->bucket = bucket;
	folding->bucket_end = bucket_end;
}

/* Set each ring's limit. */
static void begin_round(const struct ct_slice *slice)
{
	struct ct_progress *progress = &ct_tracer.header->progress;
	uint64_t round = ct_round(progress);
	uint32_t parity = ct_round_parity(progress);
	for (uint32_t i = 0; i < slice->rings; i++)
		ct_tracer.rings[i].limit = ct_tracer.rings[i].tail[parity];
	for (const struct ct_slice_part *part = slice->parts; part < slice->parts + slice->part_count; part++)
		ct_tracer.rings[part->ring].limit = part->to;
	progress->rings = slice->rings;
	ct_ordered();
	progress->limits_round = round + 1;
	ct_ordered();
}

/* From here on, the rings' owners may overwrite the events. */
static void end_round(const struct ct_slice *slice)
{
	struct ct_progress *progress = &ct_tracer.header->progress;
	uint64_t round = ct_round(progress);
	uint32_t parity = ct_round_parity(progress);
	for (uint32_t i = 0; i < slice->rings; i++)
		ct_tracer.rings[i].tail[!parity] = ct_tracer.rings[i].limit;
	ct_ordered();
	progress->progress = (round + 1) << 32;
	ct_ordered();
	for (const struct ct_slice_part *part = slice->parts; part < slice->parts + slice->part_count; part++)
		ct_set_release(&ct_tracer.rings[part->ring].folded, part->to);
	ct_set_release(&ct_slices_folded, ct_slices_folded + 1);
}

/*
 * Fold a run of events from the ring with the earliest one. The run ends before an event of another ring, at the end of
 * the batch, or at the end of the ring's memory.
 */
static void fold_run(struct folding *folding)
{
	uint32_t ring = heap[0].ring;
	struct ct_source next = {UINT64_MAX, UINT32_MAX};
	for (uint32_t i = 1; i < heap_count && i <= 2; i++)
		if (ct_source_before(&heap[i], &next))
			next = heap[i];

	uint64_t at = position[ring], slots = ct_ring_events(ring);
	uint64_t count = least(ct_tracer.rings[ring].limit - at, slots - (at & (slots - 1)));
	count = least(count, folding->batch_left);
	/* `next` bounds the run; at equal times the ring with the lower number comes first. */
	const struct ct_event *event = ct_event_at(ring, at);
	size_t folded = fold(folding, event, event + count, next.ticks - (next.ring < ring));
	if (ct_unlikely(ct_tracer.log_events))
		for (size_t i = 0; i < folded; i++)
			ct_event_log_add(&event[i]);
	position[ring] = at + folded;
	if (position[ring] == ct_tracer.rings[ring].limit)
		heap[0] = heap[--heap_count];
	else
		heap[0].ticks = ct_event_at(ring, position[ring])->ticks;
	if (heap_count)
		ct_source_sift_down(heap, heap_count, 0);
	count_in_batch(folding, folded);
}

/* Fold events that are not sorted. */
static void fold_parts(struct folding *folding, const struct ct_slice *slice)
{
	heap_count = 0;
	for (const struct ct_slice_part *part = slice->parts; part < slice->parts + slice->part_count; part++) {
		position[part->ring] = part->from;
		if (part->from < part->to)
			heap[heap_count++] = (struct ct_source){ct_event_at(part->ring, part->from)->ticks, part->ring};
	}
	ct_source_make_heap(heap, heap_count);
	while (heap_count)
		fold_run(folding);
}

static void fold_sorted(struct folding *folding, const struct ct_slice *slice)
{
	const struct ct_slice_key *key = slice->keys, *end = key + slice->events;
	while (key < end) {
		uint64_t count = least((uint64_t)(end - key), folding->batch_left);
		fold_keys(folding, key, key + count);
		for (uint64_t i = 0; ct_unlikely(ct_tracer.log_events) && i < count; i++)
			ct_event_log_add(key[i].event);
		key += count;
		count_in_batch(folding, count);
	}
}

static void fold_events(const struct ct_slice *slice, bool ready)
{
	struct folding folding = {.totals = ct_tracer.header->totals};
	begin_batch(&folding);
	if (ready && slice->keys)
		fold_sorted(&folding, slice);
	else
		fold_parts(&folding, slice);
	end_batch(&folding);
}

/* Add a histogram of a table, if there are histograms. */
static void add_histogram(struct ct_site *site, const struct ct_site *entry, const uint64_t *entry_counters)
{
	struct ct_histogram wider = ct_slice_wider(site, entry);
	bool fits = wider.sizes == site->histogram.sizes && wider.lifetimes == site->histogram.lifetimes;
	if (fits || ct_histogram_take_range(site, wider))
		ct_slice_add_histogram(site, ct_tracer.counters, entry, entry_counters, 0, 0);
}

/* Fill the batch with the next entries of a table. Returns the first one that is left. */
static const struct ct_site *add_entries(struct folding *folding, const struct ct_slice_table *table,
					 const struct ct_site *entry, bool peak)
{
	const struct ct_site *end = table->entries + table->entry_count;
	for (; entry < end && folding->batch_left; entry++, folding->batch_left--) {
		struct ct_site *site = &ct_tracer.sites[entry->batch];
		if (entry + ENTRIES_AHEAD < end)
			fetch_site(entry[ENTRIES_AHEAD].batch);
		keep_for_undo(site, entry->batch);
		add_histogram(site, entry, table->counters);
		ct_slice_add_entry(site, entry, &table->sums, &folding->totals, peak);
	}
	return entry;
}

static __attribute__((noinline, hot)) void add_batches(const struct ct_slice_table *table,
						       struct ct_timeline_bucket *bucket)
{
	struct folding folding = {.totals = ct_tracer.header->totals};
	const bool peak = ct_slice_has_peak(&table->sums, &folding.totals);
	const struct ct_site *entry = table->entries, *end = entry + table->entry_count;
	while (entry < end) {
		begin_batch(&folding);
		entry = add_entries(&folding, table, entry, peak);
		if (entry == end) {
			ct_slice_add_totals(&folding.totals, bucket, &table->sums);
			folding.bucket = bucket;
		}
		end_batch(&folding);
	}
}

/*
 * Add a slice's table. False, and nothing has changed: there is none, or its events lie in several buckets of the
 * timeline, so they must be folded one after the other.
 */
static __attribute__((noinline)) bool add_table(const struct ct_slice *slice)
{
	struct ct_store_header *header = ct_tracer.header;
	const struct ct_slice_table *table = slice->table;
	uint64_t bucket_end;
	if (!table || !table->entry_count)
		return false;
	struct ct_timeline_bucket *bucket = ct_timeline_open(header, slice->keys->ticks, &bucket_end);
	if (table->latest_ticks >= bucket_end)
		return false;
	ct_snapshot_at(slice->keys->ticks);
	header->progress.progress |= CT_ROUND_BY_SITE;
	ct_ordered();
	add_batches(table, bucket);
	for (uint64_t i = 0; ct_unlikely(ct_tracer.log_events) && i < slice->events; i++)
		ct_event_log_add(slice->keys[i].event);
	return true;
}

/* All events up to now are folded, so the timeline may be opened at this time. */
static void note_rss(uint64_t now)
{
	uint64_t end;
	struct ct_timeline_bucket *bucket = ct_timeline_open(ct_tracer.header, now, &end);
	if (!bucket->rss_bytes)
		bucket->rss_bytes = ct_rss_bytes();
}

/* Fold the next slice. ready: its keys and its table can be used, if it has any. */
static void fold_slice(const struct ct_slice *slice, bool ready)
{
	begin_round(slice);
	if (!ready || !add_table(slice))
		fold_events(slice, ready);
	end_round(slice);
	if (ct_unlikely(ct_tracer.rss))
		note_rss(slice->until);
	ct_clock_note(ct_tracer.header);
}

/* Fold the next slice, which may not be ready. */
static void fold_next(struct ct_slice *slice)
{
	bool ready = ct_slice_take(slice);
	fold_slice(slice, ready);
	ct_slice_folded(slice, ready);
}

void ct_combine_ready(void)
{
	while (ct_slices_folded < ct_get_acquire(&ct_slices_claimed)) {
		struct ct_slice *slice = ct_slice_next();
		if (ct_get_acquire(&slice->state) != CT_SLICE_READY)
			break;
		fold_next(slice);
	}
}

void ct_combine_until(uint64_t until)
{
	struct ct_slice *slice = ct_slice_claim_until(until);
	while (ct_slices_folded < slice->number)
		fold_next(ct_slice_next());
	fold_slice(slice, false);
}

void ct_combine_locked(void)
{
	ct_lock_get(&ct_lock_claim);
	ct_combine_until(ct_ticks());
	ct_lock_put(&ct_lock_claim);
}

static void end_folding(void)
{
	ct_rules_follow();
	ct_lock_put(&ct_lock_combine);
}

/* If it is the slice's turn, fold it at once. */
static bool fold_first(struct ct_slice *slice)
{
	if (ct_get_acquire(&ct_slices_folded) != slice->number || !ct_lock_try(&ct_lock_combine))
		return false;
	if (ct_slices_folded == slice->number) {
		ct_set_relaxed(&slice->state, CT_SLICE_TAKEN);
		fold_slice(slice, true);
	}
	ct_combine_ready();
	end_folding();
	return true;
}

/* Claim a slice, and fold it unless another thread will. */
static void fold_beside(const struct ct_thread *thread)
{
	struct ct_slice *slice = ct_slice_claim(thread);
	if (!slice)
		return;
	ct_slice_sort(slice);
	if (ct_slices_are_small()) {
		ct_slice_make_table(slice);
	} else if (fold_first(slice)) {
		ct_slice_put(slice);
		return;
	}
	ct_slice_leave(slice);
	if (ct_lock_try(&ct_lock_combine)) {
		ct_combine_ready();
		end_folding();
	}
}

static bool is_full(const struct ct_thread *thread)
{
	return thread->head - ct_get_acquire(&thread->ring->folded) >= ct_ring_events(thread->ring_index - 1);
}

/*
 * If many threads record, the next slice is probably being folded, and will be ready sooner than this thread could fold
 * it. Its claimer may also be preempted, so this ends when it has had more than enough time.
 */
static void wait_for_table(const struct ct_slice *slice)
{
	if (ct_slices_are_small() && slice->part_count > 1 && slice->events <= CT_SLICE_EVENTS_MAX)
		while (ct_get_acquire(&slice->state) == CT_SLICE_CLAIMED &&
		       ct_ticks() - slice->until < slice->events * TABLE_TICKS)
			ct_machine_pause();
}

/* Fold until the ring has room, whatever other threads do meanwhile. */
static void make_room(const struct ct_thread *thread)
{
	ct_lock_get(&ct_lock_combine);
	while (is_full(thread) && ct_slices_folded < ct_get_acquire(&ct_slices_claimed)) {
		struct ct_slice *slice = ct_slice_next();
		wait_for_table(slice);
		fold_next(slice);
	}
	if (is_full(thread))
		ct_combine_locked();
	end_folding();
}

void ct_combine(struct ct_thread *thread)
{
	const struct ct_ring *ring = thread->ring;
	uint32_t index = (uint32_t)(ring - ct_tracer.rings);
	if (ct_unlikely(thread->name))
		ct_thread_name_note(thread);
	const bool alone = ct_slice_is_alone(index);
	const uint64_t wanted = ct_slice_wanted();
	if (is_full(thread)) {
		make_room(thread);
	} else if (!alone && thread->head - ct_get_relaxed(&ring->claimed) >= wanted) {
		ct_lock_begin();
		fold_beside(thread);
		ct_lock_end();
	}
	uint64_t used = thread->head - ct_get_acquire(&ring->folded);
	uint64_t unclaimed = thread->head - ct_get_relaxed(&ring->claimed);
	const uint64_t slots = ct_ring_events(index);
	uint64_t room = used < slots ? slots - used : 0; /* 0 in a forked child, whose ring is only a copy */
	if (!alone)
		room = least(room, unclaimed < wanted ? wanted - unclaimed : least(wanted, RETRY_EVENTS));
	/* The ring's memory ends there. */
	room = least(room, slots - (thread->head & (slots - 1)));
	thread->slot = ct_event_at(index, thread->head);
	thread->slots_end = thread->slot + room;
}
