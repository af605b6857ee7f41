/* SPDX-License-Identifier: MIT */
/*
 * Recording of one allocation, free or resize. Hot path, any thread. Each hook calls ct_enter, and if that returns
 * true, the record functions and ct_leave.
 */
#ifndef CT_HOT_RECORD_H
#define CT_HOT_RECORD_H

#include "hot/blocks.h"
#include "hot/journal.h"
#include "hot/sample.h"
#include "hot/slow.h"
#include "hot/state.h"
#include "hot/thread.h"
#include "hot/unwind.h"
#include "sys/machine.h"

/*
 * The registers as they will be in the hook's caller when the hook has returned. Using this macro in a function makes
 * the compiler keep a frame pointer there.
 */
#define CT_CALLER                                                                                                      \
	(&(struct ct_registers){                                                                                       \
		.pc = ct_machine_plain_pc((uintptr_t)__builtin_return_address(0)),                                     \
		.sp = CT_MACHINE_CALLER_SP,                                                                            \
		.bp = *(const uintptr_t *)__builtin_frame_address(0),                                                  \
	})

/* With the thread inside the tracer: does this caller belong to a call of the allocator that is being recorded? */
CT_COLD bool ct_is_allocators_own(uintptr_t caller);

/* A call while the thread is inside the tracer: count it if it is lost. Always returns false. */
CT_COLD bool ct_enter_nested(uintptr_t caller);

/* The phase is not "on": start the recording if it has not started yet. False: the call passes through. */
CT_COLD bool ct_enter_off(void);

/* Begin a hook, in the hook itself. True: the call must be recorded, and ct_leave must follow. False: the call passes
 * through. */
static inline __attribute__((always_inline)) bool ct_enter(void)
{
	if (ct_unlikely(ct_tls.busy))
		return ct_enter_nested((uintptr_t)__builtin_return_address(0));
	/*
	 * A signal handler must see `busy` set before anything that it guards is touched. It is set before the phase is
	 * read, so that the end can wait for the hooks that have seen the phase on (ct_threads_await_hooks).
	 */
	ct_tls.busy = CT_BUSY_HOOK;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	/* What was written before the phase was set on is seen from here on (tests/litmus/gate.litmus). */
	if (ct_unlikely(ct_get_acquire(&ct_gate.phase) != CT_PHASE_ON))
		return ct_enter_off();
	return true;
}

static inline void ct_leave(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	ct_tls.busy = 0;
}

static inline struct ct_thread *ct_thread_current(void)
{
	return ct_likely(ct_tls.thread != NULL) ? ct_tls.thread : ct_thread_new();
}

/* Write an event into the thread's ring and publish it. */
static inline void ct_journal(struct ct_thread *thread, uint64_t ticks, uint32_t site, uint32_t kind, uint64_t bytes,
			      uint64_t other)
{
	struct ct_event *event = ct_journal_slot(thread);
	event->ticks = ticks;
	event->site = site;
	event->kind = kind;
	event->bytes = bytes;
	event->other = other;
	ct_journal_publish(thread);
}

/*
 * The functions marked CT_TWICE are compiled twice: for complete recordings and for samples. In a sample, the event has
 * the bytes and the number of blocks that the sampled block stands for.
 */
#define CT_TWICE static inline __attribute__((always_inline))

/* The bytes to write into the event; adds the number of blocks to *kind. */
CT_TWICE uint64_t ct_weigh(bool sampled, uint64_t bytes, uint64_t birth, uint32_t *kind)
{
	if (!sampled)
		return bytes;
	struct ct_estimate estimate = ct_sample_estimate(bytes, birth);
	*kind |= estimate.more_blocks << CT_EVENT_MORE_SHIFT;
	return estimate.bytes;
}

/* Write the free of a block into the journal, and give its row back. */
CT_TWICE void ct_journal_free(bool sampled, struct ct_thread *thread, uint32_t row, uintptr_t address, uint32_t flags)
{
	const struct ct_block *block = &ct_blocks.rows[row];
	uint32_t site = ct_block_site(block);
	uint64_t birth = ct_block_birth(block);
	uint32_t kind = CT_EVENT_FREE | flags;
	uint64_t bytes = ct_weigh(sampled, ct_block_bytes(block), birth, &kind); /* a sampled block is never resized */
	uint64_t ticks = ct_ticks_of_block(thread, row, &birth);
	ct_block_release(thread, row);
	if (sampled && !ct_is_stale(birth, ticks))
		ct_sample_note(address, false);
	ct_journal(thread, ticks, site, kind, bytes, birth);
}

/*
 * How many bytes the program may use beyond those it asked for, as an event holds it (shifted by CT_EVENT_SLACK_SHIFT).
 */
static inline uint64_t ct_slack(void *block, size_t bytes)
{
	size_t usable = bytes;
	if (ct_likely(ct_tracer.glibc_blocks)) {
		/* glibc's chunk size. Its low 3 bits are flags; 2 means that the chunk is a mapping of its own. */
		size_t head = ((const size_t *)block)[-1];
		usable = (head & ~(size_t)7) - (head & 2 ? 16 : 8);
	} else if (ct_tracer.usable_bytes) {
		usable = ct_tracer.usable_bytes(block);
	}
	size_t slack = usable > bytes ? usable - bytes : 0;
	return (uint64_t)(slack < CT_EVENT_SLACK_MAX ? slack : CT_EVENT_SLACK_MAX) << CT_EVENT_SLACK_SHIFT;
}

/* The new block's address has a row already, of a block whose free was missed: record that free. False: no memory. */
CT_COLD bool ct_replace_stale(struct ct_thread *thread, uintptr_t address, uint32_t stale, uint32_t row);

/* Put a row at its block's address. False: no memory. */
static inline bool ct_insert(struct ct_thread *thread, uintptr_t address, uint32_t row)
{
	uint32_t stale = ct_block_insert(address, row);
	return ct_likely(!stale) || ct_replace_stale(thread, address, stale, row);
}

/* measured: malloc's allocator gave the block, so that it can say how large the block is. */
CT_TWICE bool ct_record_alloc_as(bool sampled, bool measured, struct ct_thread *thread,
				 const struct ct_registers *caller, void *block, size_t bytes)
{
	uint32_t site = ct_unwind(thread, caller);
	uint32_t row = ct_likely(site) ? ct_block_new(thread) : 0;
	if (ct_unlikely(!row))
		return false;

	uint64_t birth = ct_ticks_onward(thread, ct_ticks());
	uint32_t kind = CT_EVENT_ALLOC;
	ct_block_set(&ct_blocks.rows[row], site, bytes, birth);
	if (ct_unlikely(!ct_insert(thread, (uintptr_t)block, row)))
		return false;
	thread->last_block = (uintptr_t)block;
	uint64_t other = sampled || !measured ? 0 : ct_slack(block, bytes);
	if (sampled) {
		ct_sample_note((uintptr_t)block, true);
		thread->last_unsampled = ct_tls.unsampled;
		kind |= CT_EVENT_SIZED;
		other = bytes < CT_EVENT_OLD_BYTES ? bytes : CT_EVENT_OLD_BYTES;
	}
	bytes = ct_weigh(sampled, bytes, birth, &kind);
	ct_journal(thread, birth, site, kind, bytes, other);
	return true;
}

/*
 * An event could not be recorded: count it. A row that was taken from the map goes back to the block's address, because
 * the block stays live in the store. row 0: there was none.
 */
CT_COLD void ct_record_not(uint32_t row, const void *block);

/* Must this allocation be left out, because of sampling or a pause? Only if ct_tracer.special is not 0. */
CT_COLD bool ct_record_is_left_out(struct ct_thread *thread, size_t bytes);

/* ct_record_alloc and ct_record_free in recordings that leave something out (CT_SPECIAL_*, CTRACE_SAMPLE). */
CT_COLD bool ct_record_alloc_special(struct ct_thread *thread, const struct ct_registers *caller, void *block,
				     size_t bytes);
CT_COLD void ct_record_free_special(struct ct_thread *thread, uint32_t row, const void *block, bool latest);

/* The same for a hook that knows that everything is recorded. One copy, in which everything is inline. */
static inline __attribute__((flatten)) void ct_record_alloc_exact(const struct ct_registers *caller, void *block,
								  size_t bytes)
{
	struct ct_thread *thread = ct_thread_current();
	if (ct_unlikely(thread == NULL) || ct_unlikely(bytes > CT_BLOCK_BYTES_MAX) ||
	    ct_unlikely(!ct_record_alloc_as(false, true, thread, caller, block, bytes)))
		ct_record_not(0, NULL);
}

/* Record an allocation that has been made. Its call stack starts at `caller`, the hook's caller. */
static inline void ct_record_alloc(const struct ct_registers *caller, void *block, size_t bytes)
{
	struct ct_thread *thread = ct_thread_current();
	bool recorded = false;
	if (ct_likely(thread != NULL) && ct_likely(bytes <= CT_BLOCK_BYTES_MAX))
		recorded = ct_likely(!ct_get_relaxed(&ct_tracer.special))
				   ? ct_record_alloc_as(false, true, thread, caller, block, bytes)
				   : ct_record_alloc_special(thread, caller, block, bytes);
	if (ct_unlikely(!recorded))
		ct_record_not(0, NULL);
}

/* The same for a block of another allocator than malloc's. */
CT_COLD void ct_record_alloc_of_another(const struct ct_registers *caller, void *block, size_t bytes);

/* Record the free of a block. Its row was taken from the map, and its memory has not been given back yet. */
CT_TWICE void ct_record_free_as(bool exact, uint32_t row, const void *block)
{
	struct ct_thread *thread = ct_thread_current();
	if (ct_unlikely(!thread)) {
		ct_record_not(row, block);
		return;
	}
	bool latest = thread->last_block == (uintptr_t)block;
	thread->last_block = 0;
	if (!exact && ct_unlikely(ct_get_relaxed(&ct_tracer.special) != 0))
		ct_record_free_special(thread, row, block, latest);
	else
		ct_journal_free(false, thread, row, (uintptr_t)block, latest ? CT_EVENT_TEMPORARY : 0);
}

static inline void ct_record_free(uint32_t row, const void *block)
{
	ct_record_free_as(false, row, block);
}

/* Give a block this size from now on. Returns the time of that event. The caller owns the row. */
uint64_t ct_record_new_size(struct ct_thread *thread, uint32_t row, uint64_t bytes);

/*
 * Record a realloc that has been made. row was taken from old_block's address before the real realloc; 0: the block was
 * not recorded.
 */
void ct_record_resize(const struct ct_registers *caller, uint32_t row, void *old_block, void *new_block, size_t bytes);

#endif
