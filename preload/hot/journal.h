/* SPDX-License-Identifier: MIT */
/*
 * Journal: each thread appends its events to its own ring in the store. An event is published before its hook returns,
 * so a kill does not lose it. A thread whose ring is half full folds what all rings have
 * (store/combine.c). Hot path, any thread.
 */
#ifndef CT_HOT_JOURNAL_H
#define CT_HOT_JOURNAL_H

#include "hot/blocks.h"
#include "hot/slow.h"
#include "hot/state.h"
#include "hot/thread.h"
#include "sys/machine.h"

/* The present time, in ticks since the recording's start. */
static inline uint64_t ct_ticks(void)
{
	if (ct_likely(ct_tracer.clock_tsc))
		return ct_machine_counter() - ct_tracer.clock_base;
	return ct_monotonic_ns() - ct_tracer.clock_base;
}

/* A time for this thread's next event: `now`, but never less than the thread's latest event. */
static inline uint64_t ct_ticks_onward(struct ct_thread *thread, uint64_t now)
{
	if (ct_unlikely(now < thread->last_ticks))
		now = thread->last_ticks;
	thread->last_ticks = now;
	return now;
}

/*
 * The same for an event of this block: also later than the block's earlier events, on other threads' processors. That
 * needs care, because reading the clock may overtake the load by which this thread learnt of the block. Say a free got
 * an earlier time than a resize of its block. The final sums would still be right. But from the free to the resize the
 * site would have no block and yet some bytes, the peak would lack the bytes that the block had grown by, and a reader
 * would reject the store as damaged.
 *
 * The birth of a block that was resized has CT_BLOCK_RESIZED, which makes it larger than any reading of the clock. So
 * blocks that never were resized, which are most, pay nothing for this. The mark is removed from *birth.
 */
static inline __attribute__((always_inline)) uint64_t ct_ticks_of_block(struct ct_thread *thread, uint32_t record,
									uint64_t *birth)
{
	uint64_t now = ct_ticks();
	if (ct_unlikely(now <= *birth)) {
		uint64_t latest = ct_blocks_latest(record, *birth);
		if (now <= latest)
			now = latest + 1;
		*birth &= ~CT_BLOCK_RESIZED;
	}
	return ct_ticks_onward(thread, now);
}

/*
 * The slot of the thread's next event. Fill all its fields, then publish it. The event is written in place, since
 * copying fields that were just written would wait for the store buffer.
 */
static inline struct ct_event *ct_journal_slot(struct ct_thread *thread)
{
	if (ct_unlikely(thread->slot == thread->slots_end))
		ct_combine(thread);
	return thread->slot;
}

static inline void ct_journal_publish(struct ct_thread *thread)
{
	thread->slot++;
	ct_set_release(&thread->ring->head, ++thread->head);
}

#endif
