/* SPDX-License-Identifier: MIT */
/*
 * The one definition of a round's order: by time; at equal times by the ring's number; within a ring, as written. The
 * preload's combiner folds events in this order. If a program was killed, the viewer continues where its combiner
 * stopped. Progress is a count of events, so with any other order some would be counted twice. Pure, like fold.h.
 *
 * The sources form a binary heap, since there may be thousands of them: no source comes before its parent, so the first
 * one has the next event.
 */
#ifndef CTRACE_MERGE_H
#define CTRACE_MERGE_H

#include <stdint.h>

/* A ring that has events left. */
struct ct_source {
	uint64_t ticks; /* of the ring's next event */
	uint32_t ring;
};

static inline int ct_source_before(const struct ct_source *a, const struct ct_source *b)
{
	return a->ticks != b->ticks ? a->ticks < b->ticks : a->ring < b->ring;
}

/* The source at index `at` has a later time than before: restore the heap. */
static inline void ct_source_sift_down(struct ct_source *heap, uint32_t count, uint32_t at)
{
	struct ct_source moved = heap[at];
	for (;;) {
		uint32_t least = 2 * at + 1;
		if (least >= count)
			break;
		if (least + 1 < count && ct_source_before(&heap[least + 1], &heap[least]))
			least++;
		if (!ct_source_before(&heap[least], &moved))
			break;
		heap[at] = heap[least];
		at = least;
	}
	heap[at] = moved;
}

/* Turn an unordered array of sources into a heap. */
static inline void ct_source_make_heap(struct ct_source *heap, uint32_t count)
{
	for (uint32_t i = count / 2; i-- > 0;)
		ct_source_sift_down(heap, count, i);
}

#endif
