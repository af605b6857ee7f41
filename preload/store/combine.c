/* SPDX-License-Identifier: MIT */
/*
 * The combiner: folds the rings' events into the sites in order of time.
 *
 * A round folds the events up to a time T. If it folds a free, it or an earlier round must fold the allocation too;
 * take_events explains why that holds. A kill may come after any store to memory; struct ct_progress explains how a
 * reader finishes the round. On x86-64, stores to the file become visible in program order, so the fences here only
 * have to keep the compiler from reordering them.
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
#include "store/snapshot.h"
#include "sys/lock.h"
#include "tree/thread_name.h"

#define RINGS_MAX 8192u

struct ct_lock ct_lock_combine;

static struct ct_source heap[RINGS_MAX]; /* the sources of the round */
static uint64_t position[RINGS_MAX]; /* next event to fold, by ring */
static uint32_t heap_count;
static uint32_t batch; /* number of the current batch; 0: none yet */

#define ordered() __atomic_signal_fence(__ATOMIC_SEQ_CST)

static struct ct_event *event_at(uint32_t ring, uint64_t index)
{
	return &ct_tracer.events[(size_t)ring * CT_RING_EVENTS + (index & (CT_RING_EVENTS - 1))];
}

/*
 * What a batch changes apart from the sites. It is kept here so that the compiler can hold it in registers, and is
 * written to the store at the end of the batch. A kill before that undoes the batch.
 */
struct folding {
	struct ct_totals totals;
	struct ct_timeline_bucket *bucket; /* that of the latest event */
	uint64_t bucket_end; /* first tick after the bucket; 0: none yet */
	uint32_t batch_left; /* events until the batch is full */
};

static void begin_batch(struct folding *folding)
{
	struct ct_progress *progress = &ct_tracer.header->progress;
	batch++;
	folding->batch_left = CT_BATCH_EVENTS;
	progress->undo_count = 0;
	progress->undo_totals = folding->totals;
	ordered();
	progress->undo_mark = progress->progress + 1;
	ordered();
}

/* The batch ends with one store to `progress`. */
static void end_batch(struct folding *folding)
{
	struct ct_store_header *header = ct_tracer.header;
	header->totals = folding->totals;
	if (folding->bucket)
		ct_timeline_close(folding->bucket, &folding->totals);
	ordered();
	header->progress.progress += CT_BATCH_EVENTS - folding->batch_left;
	ordered();
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
	ordered();
	progress->undo_count++;
	ordered();
	site->batch = batch;
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
	do {
		struct ct_site *site = &sites[event->site];
		if (ct_unlikely(event->ticks >= bucket_end)) {
			if (bucket)
				ct_timeline_close(bucket, &totals);
			bucket = ct_timeline_open(ct_tracer.header, event->ticks, &bucket_end);
			ct_snapshot_at(event->ticks);
		}
		if (ct_unlikely(site->batch != batch))
			keep_for_undo(site, event->site);
		if (ct_unlikely(!ct_fold_event(site, &totals, counters, event)))
			ct_histogram_take(site, event, true);
		ct_timeline_note(bucket, &totals);
	} while (++event < end && event->ticks <= until);
	folding->totals = totals;
	folding->bucket = bucket;
	folding->bucket_end = bucket_end;
	return (size_t)(event - first);
}

/*
 * Set each ring's limit, so that the round takes its events up to the time `until`. Returns the number of rings.
 *
 * One pass over the heads is not enough. Say F, in one ring, frees what A, in another, allocated. A's ring may be read
 * before A is published, and F's ring after F is. F's time does not rule that out: rdtsc overtakes loads, so F's thread
 * may have read the clock before it learnt of the block. Only A's own time is certain to be earlier. So passes go on
 * until one finds nothing more.
 *
 * Then for each free that was taken, its allocation was taken too. F was taken in an earlier pass, by an acquire load
 * that pairs with the release of F's head. A's ring and A's head were published in A's hook, before whatever handed the
 * block to F's thread, and so before F. So the latest pass has seen A, and A's time is less than F's. That holds in the
 * C11 memory model, and x86-64 guarantees more. No clocks are compared with each other, and no ring is left out because
 * it is new. A resize counts as such an A too: a free is later than the resizes of its block (ct_ticks_of_block).
 *
 * The passes end: a thread has at most one event in flight that is not later than `until`, and a ring is finite.
 */
static uint32_t take_events(uint32_t parity, uint64_t until)
{
	uint32_t rings = 0;
	bool more;
	do {
		uint32_t used = (uint32_t)ct_get_acquire(&ct_tracer.header->sections[CT_SECTION_RINGS].used);
		more = false;
		for (; rings < used && rings < RINGS_MAX; rings++)
			ct_tracer.rings[rings].limit = ct_tracer.rings[rings].tail[parity];
		for (uint32_t i = 0; i < rings; i++) {
			struct ct_ring *ring = &ct_tracer.rings[i];
			uint64_t limit = ct_get_acquire(&ring->head);
			while (limit > ring->limit && event_at(i, limit - 1)->ticks > until)
				limit--;
			if (limit > ring->limit) {
				ring->limit = limit;
				more = true;
			}
		}
	} while (more);
	return rings;
}

/* Put the rings that have events into the heap. */
static void begin_round(uint32_t rings, uint32_t parity)
{
	heap_count = 0;
	for (uint32_t i = 0; i < rings; i++) {
		struct ct_ring *ring = &ct_tracer.rings[i];
		uint64_t tail = ring->tail[parity];
		/* An event of the segment before, published late: nothing else of its block is counted either. */
		while (tail < ring->limit && event_at(i, tail)->ticks < ct_tracer.header->totals.start_ticks)
			tail++;
		position[i] = tail;
		if (tail < ring->limit)
			heap[heap_count++] = (struct ct_source){event_at(i, tail)->ticks, i};
	}
	ct_source_make_heap(heap, heap_count);
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

	uint64_t at = position[ring];
	uint64_t count = ct_tracer.rings[ring].limit - at;
	uint64_t whole = CT_RING_EVENTS - (at & (CT_RING_EVENTS - 1));
	if (count > whole)
		count = whole;
	if (count > folding->batch_left)
		count = folding->batch_left;
	/* `next` bounds the run; at equal times the ring with the lower number comes first. */
	const struct ct_event *event = event_at(ring, at);
	size_t folded = fold(folding, event, event + count, next.ticks - (next.ring < ring));
	if (ct_unlikely(ct_tracer.log_events))
		for (size_t i = 0; i < folded; i++)
			ct_event_log_add(&event[i]);
	position[ring] = at + folded;
	if (position[ring] == ct_tracer.rings[ring].limit)
		heap[0] = heap[--heap_count];
	else
		heap[0].ticks = event_at(ring, position[ring])->ticks;
	if (heap_count)
		ct_source_sift_down(heap, heap_count, 0);
	folding->batch_left -= (uint32_t)folded;
	if (!folding->batch_left) {
		end_batch(folding);
		begin_batch(folding);
	}
}

/* All events up to now are folded, so the timeline may be opened at this time. */
static void note_rss(uint64_t now)
{
	uint64_t end;
	struct ct_timeline_bucket *bucket = ct_timeline_open(ct_tracer.header, now, &end);
	if (!bucket->rss_bytes)
		bucket->rss_bytes = ct_rss_bytes();
}

void ct_combine_locked(void)
{
	ct_combine_until(ct_ticks());
}

void ct_combine_until(uint64_t until)
{
	struct ct_store_header *header = ct_tracer.header;
	struct ct_progress *progress = &header->progress;
	uint64_t round = ct_round(progress);
	uint32_t parity = ct_round_parity(progress);
	uint32_t rings = take_events(parity, until);
	begin_round(rings, parity);
	progress->rings = rings;
	ordered();
	progress->limits_round = round + 1;
	ordered();
	struct folding folding = {.totals = header->totals};
	begin_batch(&folding);
	while (heap_count)
		fold_run(&folding);
	end_batch(&folding);
	for (uint32_t i = 0; i < rings; i++)
		ct_tracer.rings[i].tail[!parity] = ct_tracer.rings[i].limit;
	ordered();
	progress->progress = (round + 1) << 32;
	if (ct_unlikely(ct_tracer.rss))
		note_rss(until);
	ct_clock_note(header);
}

void ct_combine(struct ct_thread *thread)
{
	const struct ct_progress *progress = &ct_tracer.header->progress;
	const struct ct_ring *ring = thread->ring;
	if (ct_unlikely(thread->root))
		ct_thread_name_note(thread);
	ct_lock_get(&ct_lock_combine);
	if (thread->head - ct_ring_tail(ring, progress) >= CT_RING_EVENTS) {
		ct_combine_locked();
		ct_rules_follow();
	}
	uint64_t used = thread->head - ct_ring_tail(ring, progress);
	ct_lock_put(&ct_lock_combine);
	uint64_t room =
		used < CT_RING_EVENTS ? CT_RING_EVENTS - used : 0; /* 0 in a forked child, whose ring is only a copy */
	uint64_t whole = CT_RING_EVENTS - (thread->head & (CT_RING_EVENTS - 1)); /* to the end of the ring's memory */
	thread->slot = event_at((uint32_t)(ring - ct_tracer.rings), thread->head);
	thread->slots_end = thread->slot + (room < whole ? room : whole);
}
