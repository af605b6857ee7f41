/* SPDX-License-Identifier: MIT */
#include "store/slice.h"

#include "hot/journal.h"
#include "hot/state.h"
#include "store/slice_table.h"
#include "sys/lock.h"
#include "sys/region.h"

#define SLICES_MAX 128u /* that are claimed by threads and not folded */
#define IN_FLIGHT (2 * SLICES_MAX) /* a power of two */
#define ALONE_AFTER 8u /* slices */
#define AHEAD 12u /* events */
#define FEW 3u /* threads */
#define SLICE_EVENTS 768u /* that a slice should have if there are more */

struct ct_lock ct_lock_claim;

uint64_t ct_slices_claimed, ct_slices_folded;

static struct ct_slice *slices[SLICES_MAX]; /* under ct_lock_claim */
static struct ct_slice *in_flight[IN_FLIGHT]; /* by number; the release of ct_slices_claimed pairs with an acquire */
static bool no_memory; /* for more of them, so it is not tried again; under ct_lock_claim */
static uint32_t busiest; /* ring with most events of the latest slice; under ct_lock_claim */
static uint32_t in_a_row; /* slices of which it had nearly all events; under ct_lock_claim */
static uint32_t alone; /* that ring + 1; 0: none */
static uint32_t wanted = CT_SLICE_WANTED; /* written under ct_lock_claim */

/*
 * Take the rings' events up to the time `until` that no slice has yet.
 *
 * One pass over the heads is not enough. Say F, in one ring, frees what A, in another, allocated. A's ring may be read
 * before A is published, and F's ring after F is. F's time does not rule that out: rdtsc overtakes loads, so F's thread
 * may have read the clock before it learnt of the block. Only A's own time is certain to be earlier. So passes go on
 * until one finds nothing more.
 *
 * Then for each free that was taken, its allocation was taken too, or is in an earlier slice. F was taken in an earlier
 * pass, by an acquire load that pairs with the release of F's head. A's ring and A's head were published in A's hook,
 * before whatever handed the block to F's thread, and so before F. So the latest pass has seen A, and A's time is less
 * than F's. That holds in the C11 memory model, and x86-64 guarantees more. No clocks are compared with each other, and
 * no ring is left out because it is new. A resize counts as such an A too: a free is later than the resizes of its
 * block (ct_ticks_of_block).
 *
 * The passes end: a thread has at most one event in flight that is not later than `until`, and a ring is finite.
 */
static void take_events(struct ct_slice *slice)
{
	struct ct_slice_part *parts = slice->parts;
	uint32_t rings = 0;
	bool more;
	do {
		uint32_t used = (uint32_t)ct_get_acquire(&ct_tracer.header->sections[CT_SECTION_RINGS].used);
		more = false;
		for (; rings < used && rings < CT_RINGS_MAX; rings++) {
			uint64_t from = ct_tracer.rings[rings].claimed;
			parts[rings] = (struct ct_slice_part){.from = from, .to = from, .ring = rings};
		}
		for (uint32_t i = 0; i < rings; i++) {
			uint64_t to = ct_get_acquire(&ct_tracer.rings[i].head);
			while (to > parts[i].to && ct_event_at(i, to - 1)->ticks > slice->until)
				to--;
			if (to > parts[i].to) {
				parts[i].to = to;
				more = true;
			}
		}
	} while (more);
	slice->rings = rings;
}

/* Leave out events of the segment before, published late: nothing else of their blocks is counted either. */
static void skip_before_segment(struct ct_slice_part *part, uint64_t start)
{
	while (part->from < part->to && ct_event_at(part->ring, part->from)->ticks < start)
		part->from++;
}

/*
 * How many events should a thread have, to claim a slice, if of the latest slice's events the busiest thread had
 * `most`? The number falls at once and rises slowly: threads that wait for a slice record nothing.
 */
static void note_size(uint64_t most, uint64_t events)
{
	uint64_t each = most * FEW < events ? SLICE_EVENTS * most / events : CT_SLICE_WANTED;
	uint64_t rise = wanted + wanted / 8;
	if (each > rise)
		each = rise;
	ct_set_relaxed(&wanted, each < CT_SLICE_LEAST ? CT_SLICE_LEAST : (uint32_t)each);
}

/* Keep only the parts that have events, and note how many. */
static void keep_parts(struct ct_slice *slice)
{
	uint64_t most = 0;
	uint32_t most_ring = 0;
	slice->start_ticks = ct_segment_latest(ct_tracer.header)->start_ticks;
	slice->part_count = 0;
	slice->events = 0;
	for (uint32_t i = 0; i < slice->rings; i++) {
		struct ct_slice_part part = slice->parts[i];
		if (part.from == part.to)
			continue;
		skip_before_segment(&part, slice->start_ticks);
		uint64_t events = part.to - part.from;
		slice->parts[slice->part_count++] = part;
		slice->events += events;
		ct_set_relaxed(&ct_tracer.rings[i].claimed, part.to);
		if (events > most) {
			most = events;
			most_ring = i;
		}
	}
	note_size(most, slice->events);
	in_a_row = most_ring == busiest && most * 16 > slice->events * 15 ? in_a_row + 1 : 0;
	busiest = most_ring;
	ct_set_relaxed(&alone, in_a_row >= ALONE_AFTER ? most_ring + 1 : 0);
}

/* The caller holds ct_lock_claim. */
static void claim(struct ct_slice *slice, uint64_t until)
{
	slice->until = until;
	take_events(slice);
	keep_parts(slice);
	slice->keys = NULL;
	if (slice->table)
		slice->table->entry_count = 0;
	slice->state = CT_SLICE_CLAIMED;
	slice->number = ct_slices_claimed;
	in_flight[slice->number % IN_FLIGHT] = slice;
	ct_set_release(&ct_slices_claimed, slice->number + 1);
}

bool ct_slice_is_alone(uint32_t ring)
{
	return ct_get_relaxed(&alone) == ring + 1;
}

static struct ct_slice *map_slice(void)
{
	const size_t parts = CT_RINGS_MAX * sizeof(struct ct_slice_part);
	const size_t keys = CT_SLICE_EVENTS_MAX * sizeof(struct ct_slice_key);
	struct ct_slice *slice = ct_region_map(sizeof(*slice) + parts + 2 * keys);
	if (!slice)
		return NULL;
	slice->parts = (struct ct_slice_part *)(slice + 1);
	slice->memory[0] = (struct ct_slice_key *)(slice->parts + CT_RINGS_MAX);
	slice->memory[1] = slice->memory[0] + CT_SLICE_EVENTS_MAX;
	return slice;
}

/* The one that the thread had the last time, if possible: its memory is in this processor's cache. */
static struct ct_slice *find_unused(uint32_t ring)
{
	for (uint32_t i = 0; i < SLICES_MAX; i++) {
		struct ct_slice **slice = &slices[(ring + i) % SLICES_MAX];
		if (!*slice && !no_memory)
			no_memory = !(*slice = map_slice());
		if (*slice && !ct_get_acquire(&(*slice)->used))
			return *slice;
	}
	return NULL;
}

uint32_t ct_slice_wanted(void)
{
	return ct_get_relaxed(&wanted);
}

static bool is_wanted(const struct ct_thread *thread)
{
	return thread->head - ct_get_relaxed(&thread->ring->claimed) >= ct_slice_wanted();
}

struct ct_slice *ct_slice_claim(const struct ct_thread *thread)
{
	if (!ct_lock_try(&ct_lock_claim))
		return NULL;
	/* Another thread may have claimed the events meanwhile. */
	struct ct_slice *slice = is_wanted(thread) ? find_unused(thread->ring_index) : NULL;
	if (slice) {
		slice->used = 1;
		claim(slice, ct_ticks());
	}
	ct_lock_put(&ct_lock_claim);
	return slice;
}

struct ct_slice *ct_slice_claim_until(uint64_t until)
{
	static struct ct_slice_part parts[CT_RINGS_MAX];
	static struct ct_slice slice = {.parts = parts};
	claim(&slice, until);
	return &slice;
}

struct ct_slice *ct_slice_next(void)
{
	return in_flight[ct_slices_folded % IN_FLIGHT];
}

/*
 * From here on, the combiner may fold the slice's events at any time. Then their threads overwrite them, and what is
 * read here is not what was claimed. The combiner has then set CT_SLICE_TAKEN, and the keys are thrown away.
 * ThreadSanitizer cannot know that.
 */
static __attribute__((no_sanitize("thread"), noinline, hot)) struct ct_slice_key *
gather(const struct ct_slice_part *part, struct ct_slice_key *key)
{
	for (uint64_t at = part->from; at < part->to; at++) {
		const struct ct_event *event = ct_event_at(part->ring, at);
		__builtin_prefetch(ct_event_at(part->ring, at + AHEAD));
		*key++ = (struct ct_slice_key){event->ticks, event};
	}
	return key;
}

/* Merge two neighbouring sequences. At equal times the first one's events come first, since its rings do. */
static void merge(struct ct_slice_key *to, const struct ct_slice_key *a, const struct ct_slice_key *middle,
		  const struct ct_slice_key *end)
{
	const struct ct_slice_key *b = middle;
	while (a < middle && b < end) {
		size_t second = b->ticks < a->ticks; /* not a branch: it would be mispredicted half of the time */
		*to++ = *(second ? b : a);
		b += second;
		a += 1 - second;
	}
	while (a < middle)
		*to++ = *a++;
	while (b < end)
		*to++ = *b++;
}

/*
 * Merges neighbours, then neighbours of those, and so on. Within a ring, times may fall (after a missed free, see
 * store_sums.c): an event that is earlier than the one before it comes right after that one, here as in merge.h.
 */
void ct_slice_sort(struct ct_slice *slice)
{
	struct ct_slice_part *parts = slice->parts;
	const uint32_t count = slice->part_count;
	struct ct_slice_key *from = slice->memory[0], *to = slice->memory[1], *end = from;
	if (count < 2 || slice->events > CT_SLICE_EVENTS_MAX)
		return;
	if (slice->events > slice->most_events)
		slice->most_events = slice->events;
	for (uint32_t i = 0; i < count; i++) {
		end = gather(&parts[i], end);
		parts[i].end = (uint32_t)(end - from);
	}
	for (uint32_t run = 1; run < count; run *= 2) {
		uint32_t start = 0;
		for (uint32_t i = 0; i < count; i += 2 * run) {
			uint32_t middle = parts[(i + run < count ? i + run : count) - 1].end;
			uint32_t last = parts[(i + 2 * run < count ? i + 2 * run : count) - 1].end;
			merge(to + start, from + start, from + middle, from + last);
			start = last;
		}
		struct ct_slice_key *merged = to;
		to = from;
		from = merged;
	}
	slice->keys = from;
}

/* If the slice was taken before it was ready, the last one of claimer and combiner puts it. */
static void put_as_last(struct ct_slice *slice)
{
	if (__atomic_exchange_n(&slice->state, CT_SLICE_LEFT, __ATOMIC_ACQ_REL) == CT_SLICE_LEFT)
		ct_slice_put(slice);
}

void ct_slice_leave(struct ct_slice *slice)
{
	uint32_t state = CT_SLICE_CLAIMED;
	if (!__atomic_compare_exchange_n(&slice->state, &state, CT_SLICE_READY, false, __ATOMIC_RELEASE,
					 __ATOMIC_RELAXED))
		put_as_last(slice);
}

bool ct_slice_take(struct ct_slice *slice)
{
	return __atomic_exchange_n(&slice->state, CT_SLICE_TAKEN, __ATOMIC_ACQ_REL) == CT_SLICE_READY;
}

void ct_slice_folded(struct ct_slice *slice, bool was_ready)
{
	if (was_ready)
		ct_slice_put(slice);
	else
		put_as_last(slice);
}

void ct_slice_forked(void)
{
	ct_slices_claimed = ct_slices_folded;
	for (uint32_t i = 0; i < SLICES_MAX; i++)
		if (slices[i])
			slices[i]->used = 0;
}

uint64_t ct_slice_bytes(void)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < SLICES_MAX; i++)
		if (slices[i])
			bytes += slices[i]->most_events * 2 * sizeof(struct ct_slice_key) +
				 ct_slice_table_bytes(slices[i]->table);
	return bytes;
}
