/* SPDX-License-Identifier: MIT */
/* The rings of a store: where their events are, and how far the round has come that folds them. */
#ifndef CTRACE_RING_H
#define CTRACE_RING_H

#include "ctrace/store.h"

/*
 * Slots of a ring, powers of two. The first rings are short, so that programs with few threads take less memory. Where
 * many threads record, each waits until its slice is folded in its turn, and needs room for what it records meanwhile.
 */
#define CT_RINGS_SHORT 4u
#define CT_RING_EVENTS_SHORT 1024u
#define CT_RING_EVENTS 4096u

static inline uint64_t ct_ring_events(uint64_t ring)
{
	return ring < CT_RINGS_SHORT ? CT_RING_EVENTS_SHORT : CT_RING_EVENTS;
}

/* The slots that this many rings, the first ones, have in EVENTS. */
static inline uint64_t ct_ring_slots(uint64_t rings)
{
	uint64_t few = rings < CT_RINGS_SHORT ? rings : CT_RINGS_SHORT;
	return few * CT_RING_EVENTS_SHORT + (rings - few) * CT_RING_EVENTS;
}

/* Where a ring's event is in EVENTS. */
static inline uint64_t ct_ring_slot(uint64_t ring, uint64_t event)
{
	return ct_ring_slots(ring) + (event & (ct_ring_events(ring) - 1));
}

/* The round in progress, or the next one. */
static inline uint64_t ct_round(const struct ct_progress *progress)
{
	return progress->progress >> 32;
}

/* The index of a ring's valid tail. */
static inline uint32_t ct_round_parity(const struct ct_progress *progress)
{
	return ct_round(progress) & 1;
}

/*
 * In ct_progress.progress: the round adds the table of a slice (slice.h) to the sites. What is counted then are the
 * entries of the table that are added, not events. The totals are added in the batch of the last entry.
 */
#define CT_ROUND_BY_SITE 0x80000000u

static inline int ct_round_is_by_site(const struct ct_progress *progress)
{
	return (progress->progress & CT_ROUND_BY_SITE) != 0;
}

/* How many events of the round are folded, or entries of its table added, in whole batches. */
static inline uint32_t ct_round_folded(const struct ct_progress *progress)
{
	return (uint32_t)progress->progress & ~CT_ROUND_BY_SITE;
}

/* Are the limits of the round complete? */
static inline int ct_round_begun(const struct ct_progress *progress)
{
	return progress->limits_round == ct_round(progress) + 1;
}

/* The first event of a ring that is not folded; a round in progress counts as not begun. */
static inline uint64_t ct_ring_tail(const struct ct_ring *ring, const struct ct_progress *progress)
{
	return ring->tail[ct_round_parity(progress)];
}

#endif
