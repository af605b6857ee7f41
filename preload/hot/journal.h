/* SPDX-License-Identifier: MIT */
/*
 * Journal: each thread appends its events to its own ring in the store. An event is published before
 * its hook returns; when a ring is full its owner folds all rings (store/combine.c).
 */
#ifndef CT_HOT_JOURNAL_H
#define CT_HOT_JOURNAL_H

#include "hot/blocks.h"
#include "hot/slow.h"
#include "hot/state.h"
#include "hot/thread.h"

/* Ticks since the recording's start. */
static inline uint64_t ct_ticks(void)
{
	if (ct_likely(ct_tracer.clock_tsc))
		return __builtin_ia32_rdtsc() - ct_tracer.clock_base;
	return ct_monotonic_ns() - ct_tracer.clock_base;
}

/* A time for this thread's next event: now, but a thread's time never goes back. */
static inline uint64_t ct_ticks_onward(struct ct_thread *thread, uint64_t now)
{
	if (ct_unlikely(now < thread->last_ticks))
		now = thread->last_ticks;
	thread->last_ticks = now;
	return now;
}

/*
 * The same for an event of this block, later than the events that the block has had on other threads' processors:
 * reading the clock may overtake the load by which we learnt of the block. A free that came before a resize in the
 * order of times would leave the sums as they are in the end, but until the resize the site would have no block and
 * some bytes, the peak would lack what the block had grown by, and a reader would find the store torn.
 *
 * A block that was resized has CT_BLOCK_RESIZED in its birth, which makes it later than any clock: the others, which
 * are most, pay nothing for the difference. The mark is taken from *birth.
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
 * The slot of the thread's next event: fill all its fields, then publish. In place, since a copy of
 * fields just written would wait for the store buffer.
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
