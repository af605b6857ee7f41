/* SPDX-License-Identifier: MIT */
/*
 * The one definition of a round's order: the events of all rings by time, at equal times by the ring's number, in a
 * ring as they were written. The preload's combiner folds in this order, and the viewer goes on in it where a killed
 * program's combiner stopped: progress counts events, so another order would count some twice. Pure, as fold.h.
 *
 * The sources are a heap: none comes before its parent, so the first is that of the next event. There may be thousands.
 */
#ifndef CTRACE_MERGE_H
#define CTRACE_MERGE_H

#include <stdint.h>

/* A ring that has events left, with the time of its next one. */
struct ct_source {
	uint64_t ticks;
	uint32_t ring;
};

static inline int ct_source_before(const struct ct_source *a, const struct ct_source *b)
{
	return a->ticks != b->ticks ? a->ticks < b->ticks : a->ring < b->ring;
}

/* The source at `at` has changed to a later time: move it to its place. */
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

/* Make a heap of sources in any order. */
static inline void ct_source_make_heap(struct ct_source *heap, uint32_t count)
{
	for (uint32_t i = count / 2; i-- > 0;)
		ct_source_sift_down(heap, count, i);
}

#endif
