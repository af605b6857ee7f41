/* SPDX-License-Identifier: MIT */
/*
 * The combiner: folds the rings' events into the sites in order of time.
 *
 * A round folds the events up to a time T. Of each free that it folds it must fold the allocation, now or before:
 * take_events says why it does. A kill can hit at any store; struct ct_progress says how a reader
 * finishes the round. Stores to the file become visible in program order (x86-64), so the fences here
 * only hold the compiler.
 */
#include "store/combine.h"
#include "store/event_log.h"

#include "ctrace/fold.h"
#include "ctrace/merge.h"
#include "ctrace/timeline.h"
#include "hot/journal.h"
#include "hot/slow.h"
#include "hot/state.h"
#include "store/clock.h"
#include "store/rss.h"
#include "store/snapshot.h"
#include "sys/lock.h"
#include "tree/thread_name.h"

#define RINGS_MAX 8192u

struct ct_lock ct_lock_combine;

static struct ct_source heap[RINGS_MAX]; /* the round's */
static uint64_t position[RINGS_MAX]; /* next event to fold, by ring */
static uint32_t heap_count;
static uint32_t batch; /* number of the batch, 0 = none yet */

#define ordered() __atomic_signal_fence(__ATOMIC_SEQ_CST)

static struct ct_event *event_at(uint32_t ring, uint64_t index)
{
	return &ct_tracer.events[(size_t)ring * CT_RING_EVENTS + (index & (CT_RING_EVENTS - 1))];
}

/*
 * What a batch changes besides the sites: held here, so that it can be in registers, and written to the
 * store at the batch's end. A kill before that undoes the batch.
 */
struct folding {
	struct ct_totals totals;
	struct ct_timeline_bucket *bucket; /* of the latest event */
	uint64_t bucket_end; /* ticks; 0: none yet */
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

/* The batch changes this site for the first time: keep it as it was. */
static inline void keep_for_undo(struct ct_site *site, uint32_t id)
{
	struct ct_progress *progress = &ct_tracer.header->progress;
	const uint64_t *from = (const uint64_t *)site;
	uint64_t *to = (uint64_t *)&progress->undo_sites[progress->undo_count];
#pragma GCC unroll 16
	for (size_t i = 0; i < sizeof(*site) / sizeof(*from); i++) /* without vector registers gcc copies by rep movs */
		to[i] = from[i];
	progress->undo_ids[progress->undo_count] = id;
	ordered();
	progress->undo_count++;
	ordered();
	site->batch = batch;
}

/* Fold the events [event, end) of one ring up to the time `until`; how many. */
static __attribute__((noinline, hot)) size_t fold(struct folding *folding, const struct ct_event *event,
						  const struct ct_event *end, uint64_t until)
{
	const struct ct_event *first = event;
	struct ct_totals totals = folding->totals;
	struct ct_timeline_bucket *bucket = folding->bucket;
	uint64_t bucket_end = folding->bucket_end;
	struct ct_site *sites = ct_tracer.sites;
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
		ct_fold_event(site, &totals, event);
		ct_timeline_note(bucket, &totals);
	} while (++event < end && event->ticks <= until);
	folding->totals = totals;
	folding->bucket = bucket;
	folding->bucket_end = bucket_end;
	return (size_t)(event - first);
}

/*
 * Set each ring's limit: its events up to the time `until`. How many rings there are.
 *
 * One pass over the heads is not enough. Let F free in one ring what A allocated in another. A's ring may be read
 * before A is published, and F's after F is. F's time does not rule that out: its thread may have read the clock before
 * it learnt of the block, since rdtsc overtakes loads, and only A's own time is known to be earlier. So passes go on
 * until one finds nothing more. Then what was taken is closed: F was taken in an earlier pass, by an acquire load that
 * pairs with the release of F's head; A's ring and A's head were published before, in A's hook, and whatever brought
 * the block to F's thread orders them before F. So the latest pass has seen A, whose time is below F's. That holds in
 * the C11 model, of which x86-64 keeps more. No clock is compared with another, and no ring is left out for being new.
 * A resize is such an A, too: a free is later than its block's resizes (ct_ticks_of_block).
 * The passes end: a thread has at most one event in flight that is not later than `until`, and a ring has an end.
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

/* The rings with events go into the heap. */
static void begin_round(uint32_t rings, uint32_t parity)
{
	heap_count = 0;
	for (uint32_t i = 0; i < rings; i++) {
		struct ct_ring *ring = &ct_tracer.rings[i];
		uint64_t tail = ring->tail[parity];
		position[i] = tail;
		if (tail < ring->limit)
			heap[heap_count++] = (struct ct_source){event_at(i, tail)->ticks, i};
	}
	ct_source_make_heap(heap, heap_count);
}

/*
 * The earliest ring's events, up to the first that another ring's comes before, the end of the batch, or
 * the end of the ring's memory.
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
	/* At equal times the ring with the lower number comes first. */
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

/* All events up to now are folded: the timeline can be opened here. */
static void note_rss(uint64_t now)
{
	uint64_t end;
	struct ct_timeline_bucket *bucket = ct_timeline_open(ct_tracer.header, now, &end);
	if (!bucket->rss_bytes)
		bucket->rss_bytes = ct_rss_bytes();
}

void ct_combine_locked(void)
{
	struct ct_store_header *header = ct_tracer.header;
	struct ct_progress *progress = &header->progress;
	uint64_t round = ct_round(progress);
	uint32_t parity = ct_round_parity(progress);
	uint64_t until = ct_ticks();
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
	if (thread->head - ct_ring_tail(ring, progress) >= CT_RING_EVENTS)
		ct_combine_locked();
	uint64_t used = thread->head - ct_ring_tail(ring, progress);
	ct_lock_put(&ct_lock_combine);
	uint64_t room =
		used < CT_RING_EVENTS ? CT_RING_EVENTS - used : 0; /* 0: the copy of a ring, in a forked child */
	uint64_t whole = CT_RING_EVENTS - (thread->head & (CT_RING_EVENTS - 1)); /* to the end of the ring's memory */
	thread->slot = event_at((uint32_t)(ring - ct_tracer.rings), thread->head);
	thread->slots_end = thread->slot + (room < whole ? room : whole);
}
