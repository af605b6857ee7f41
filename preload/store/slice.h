/* SPDX-License-Identifier: MIT */
/*
 * Slices of time: how several threads share the work of folding.
 *
 * A thread *claims* a slice: the events of all rings that no slice has yet. It sorts them, without a lock, while other
 * threads record and claim later slices. The combiner (store/combine.c) folds the slices in the order in which they
 * were claimed. Until then the events stay in the rings, so the combiner waits for no slice: it merges the events
 * itself if they are not sorted yet. That is why a thread that is preempted while it sorts delays no other.
 */
#ifndef CT_STORE_SLICE_H
#define CT_STORE_SLICE_H

#include "hot/thread.h"
#include "sys/compiler.h"

#define CT_RINGS_MAX 8192u
#define CT_SLICE_WANTED (CT_RING_EVENTS / 2) /* events of its own, at which a thread claims a slice */

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
	CT_SLICE_CLAIMED, /* a thread may be sorting it */
	CT_SLICE_READY, /* the keys are complete, or there are none */
	CT_SLICE_TAKEN, /* the combiner folds it before it is ready, or its claimer does */
	CT_SLICE_LEFT, /* claimer or combiner is done with it, the other one not yet */
};

struct ct_slice {
	uint32_t used; /* atomic; 0: may be claimed. Its claimer or the combiner, whichever is last, sets it to 0 */
	uint32_t state; /* enum ct_slice_state, atomic: the release with CT_SLICE_READY pairs with the combiner's
			   acquire, and that of the first one with CT_SLICE_LEFT with the acquire of the last one */
	uint64_t number; /* counts the slices */
	uint64_t until; /* no event is later */
	uint64_t events;
	uint32_t rings; /* rings that there were */
	uint32_t part_count; /* rings with events */
	struct ct_slice_part *parts; /* in ascending order of rings */
	struct ct_slice_key *keys; /* the events in order; NULL: not sorted */
	struct ct_slice_key *memory[2];
	uint64_t most_events; /* that its memory has held */
};

/* Number of slices that were claimed; and that the combiner has folded, which only it changes. */
extern CT_HIDDEN uint64_t ct_slices_claimed, ct_slices_folded;

/* Has the thread so many events that no slice has yet that it should claim one? */
bool ct_slice_is_wanted(const struct ct_thread *thread);

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

/* The slice is sorted, and its claimer leaves it to the combiner. */
void ct_slice_leave(struct ct_slice *slice);

/* The combiner begins to fold the slice. Is it ready? */
bool ct_slice_take(struct ct_slice *slice);

/* The combiner has folded it. Its claimer may still be sorting it. was_ready: what ct_slice_take returned. */
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
