/* SPDX-License-Identifier: MIT */
/*
 * Journal: each thread appends its events to its own ring in the store. An event is published before
 * its hook returns; when a ring is full its owner folds all rings (store/combine.c).
 */
#ifndef CT_HOT_JOURNAL_H
#define CT_HOT_JOURNAL_H

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

/*
 * A time for this thread's next event that is later than `after` (a block's birth on another thread's
 * processor: reading the clock may overtake the load that gave us the block) and never goes back.
 */
static inline uint64_t ct_ticks_after(struct ct_thread *thread, uint64_t after)
{
	uint64_t now = ct_ticks();
	if (ct_unlikely(now <= after))
		now = after + 1;
	if (ct_unlikely(now < thread->last_ticks))
		now = thread->last_ticks;
	thread->last_ticks = now;
	return now;
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
