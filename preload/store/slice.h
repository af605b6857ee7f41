/* SPDX-License-Identifier: MIT */
/*
 * Slices of time: how several threads share the work of folding.
 *
 * A thread *claims* a slice: the events of all rings that no slice has yet. It sorts them, without a lock, while other
 * threads record and claim later slices. If many threads record, it also folds them into a table (slice_table.h). The
 * combiner (store/combine.c) folds the slices, or adds their tables, in the order in which they were claimed. Until
 * then the events stay in the rings, so the combiner needs no slice to be ready: it can merge the events itself. That
 * is why a thread that is preempted while it sorts delays no other for long.
 */
#ifndef CT_STORE_SLICE_H
#define CT_STORE_SLICE_H

#include "ctrace/ring.h"
#include "hot/thread.h"
#include "sys/compiler.h"

#define CT_RINGS_MAX 8192u
#define CT_SLICE_WANTED (CT_RING_EVENTS_SHORT / 2) /* events of its own, at which a thread claims a slice */
#define CT_SLICE_EVENTS_MAX 16384u /* larger slices get neither keys nor table */
#define CT_SLICE_LEAST 16u /* where many threads record it is fewer, but at least these */

struct ct_slice_table; /* slice_table.h */

/* The events of one ring that are in a slice. */
struct ct_slice_part {
	uint64_t from, to;
	uint32_t ring;
	uint32_t end; /* where its keys end before they are merged */
};

/* An event, and its time. */
struct ct_slice_key {
	uint64_t ticks;
	const struct ct_event *event;
};

enum ct_slice_state {
	CT_SLICE_CLAIMED, /* a thread may be sorting it, or making its table */
	CT_SLICE_READY, /* keys and table are complete, or there are none */
	CT_SLICE_TAKEN, /* the combiner folds it before it is ready, or its claimer does */
	CT_SLICE_LEFT, /* claimer or combiner is done with it, the other one not yet */
};

struct ct_slice {
	uint32_t used; /* atomic; 0: may be claimed. Its claimer or the combiner, whichever is last, sets it to 0 */
	uint32_t state; /* enum ct_slice_state, atomic: the release with CT_SLICE_READY pairs with the combiner's
			   acquire, and that of the first one with CT_SLICE_LEFT with the acquire of the last one */
	uint64_t number; /* counts the slices */
	uint64_t until; /* no event is later */
	uint64_t start_ticks; /* of the segment */
	uint64_t events;
	uint32_t rings; /* rings that there were */
	uint32_t part_count; /* rings with events */
	struct ct_slice_part *parts; /* in ascending order of rings */
	struct ct_slice_key *keys; /* the events in order; NULL: not sorted */
	struct ct_slice_table *table; /* NULL: it has no memory for one yet */
	struct ct_slice_key *memory[2];
	uint64_t most_events; /* that its memory has held */
};

/* Number of slices that were claimed; and that the combiner has folded, which only it changes. */
extern CT_HIDDEN uint64_t ct_slices_claimed, ct_slices_folded;

/*
 * The number of its events that no slice has yet, at which a thread should claim one. If more than a few threads
 * record, it is the smaller the more they are: until a slice is folded, its events fill the rings, so it must be small
 * for many threads to have one each.
 */
uint32_t ct_slice_wanted(void);

/* Do so many threads record that slices are claimed early, and folded into tables? */
static inline bool ct_slices_are_small(void)
{
	return ct_slice_wanted() < CT_SLICE_WANTED;
}

/*
 * Claim the next slice. NULL: another thread is claiming one or has just done so, or there is no memory. The caller is
 * inside ct_lock_begin.
 */
struct ct_slice *ct_slice_claim(const struct ct_thread *thread);

/*
 * Claim the next slice for the combiner itself: events up to a time, which has passed. The caller holds ct_lock_combine
 * and ct_lock_claim, and folds this slice before it claims another.
 */
struct ct_slice *ct_slice_claim_until(uint64_t until);

/* The slice that the combiner must fold next, if ct_slices_folded < ct_slices_claimed. */
struct ct_slice *ct_slice_next(void);

/* Make the keys, if the slice has more than one part and there is room for them. */
void ct_slice_sort(struct ct_slice *slice);

/* The slice is ready, and its claimer leaves it to the combiner. */
void ct_slice_leave(struct ct_slice *slice);

/* The combiner begins to fold the slice. Is it ready? */
bool ct_slice_take(struct ct_slice *slice);

/* The combiner has folded it. Its claimer may still be at work on it. was_ready: what ct_slice_take returned. */
void ct_slice_folded(struct ct_slice *slice, bool was_ready);

/* Neither claimer nor combiner uses the slice any more. */
static inline void ct_slice_put(struct ct_slice *slice)
{
	ct_set_release(&slice->used, 0);
}

/* The ring of one thread alone has nearly all new events, so claiming slices early brings nothing. Any thread. */
bool ct_slice_is_alone(uint32_t ring);

/* In a forked child: there are no slices. */
CT_COLD void ct_slice_forked(void);

/* The number of bytes that slices have used. */
CT_COLD uint64_t ct_slice_bytes(void);

#endif
