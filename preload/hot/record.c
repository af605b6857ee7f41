/* SPDX-License-Identifier: MIT */
#include "hot/record.h"

#include "hot/blocks.h"
#include "hot/journal.h"
#include "hot/sample.h"
#include "hot/unwind.h"

struct ct_gate ct_gate CT_ALIGNED(4096);
struct ct_tracer ct_tracer;
struct ct_block_map ct_blocks;
__thread struct ct_tls ct_tls;

static inline struct ct_thread *current_thread(void)
{
	return ct_likely(ct_tls.thread != NULL) ? ct_tls.thread : ct_thread_new();
}

static inline void journal(struct ct_thread *thread, uint64_t ticks, uint32_t site, uint32_t kind, uint64_t bytes,
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
 * What follows is compiled twice, for recordings of everything and for samples, where an event's bytes and
 * kind stand for what the block stands for.
 */
#define TWICE static inline __attribute__((always_inline))

TWICE uint64_t weigh(bool sampled, uint64_t bytes, uint64_t birth, uint32_t *kind)
{
	if (!sampled)
		return bytes;
	struct ct_estimate estimate = ct_sample_estimate(bytes, birth);
	*kind |= estimate.more_blocks << CT_EVENT_MORE_SHIFT;
	return estimate.bytes;
}

TWICE void journal_free(bool sampled, struct ct_thread *thread, uint32_t record, uintptr_t address, uint32_t flags)
{
	const struct ct_block *block = &ct_blocks.records[record];
	uint32_t site = ct_block_site(block);
	uint64_t birth = ct_block_birth(block);
	uint32_t kind = CT_EVENT_FREE | flags;
	uint64_t bytes = weigh(sampled, ct_block_bytes(block), birth, &kind);
	ct_block_release(thread, record);
	if (sampled)
		ct_sample_note(address, false);
	journal(thread, ct_ticks_after(thread, birth), site, kind, bytes, birth);
}

/* What stands at a new block's address already is a block whose free was missed. */
static CT_COLD bool replace_stale(struct ct_thread *thread, uintptr_t address, uint32_t stale, uint32_t record)
{
	if (stale != UINT32_MAX) {
		journal_free(ct_tracer.sample_bytes != 0, thread, stale, address, 0);
		return true;
	}
	ct_block_release(thread, record);
	return false;
}

/* Put a record at its block's address; false = no memory. */
static inline bool insert(struct ct_thread *thread, uintptr_t address, uint32_t record)
{
	uint32_t stale = ct_block_insert(address, record);
	return ct_likely(!stale) || replace_stale(thread, address, stale, record);
}

TWICE bool record_alloc(bool sampled, struct ct_thread *thread, const struct ct_registers *caller, void *block,
			size_t bytes)
{
	uint32_t site = ct_unwind(thread, caller);
	uint32_t record = ct_likely(site) ? ct_block_new(thread) : 0;
	if (ct_unlikely(!record))
		return false;

	uint64_t birth = ct_ticks_after(thread, 0);
	uint32_t kind = CT_EVENT_ALLOC;
	ct_block_set(&ct_blocks.records[record], site, bytes, birth);
	if (ct_unlikely(!insert(thread, (uintptr_t)block, record)))
		return false;
	thread->last_block = (uintptr_t)block;
	if (sampled) {
		ct_sample_note((uintptr_t)block, true);
		thread->last_unsampled = ct_tls.unsampled;
	}
	bytes = weigh(sampled, bytes, birth, &kind);
	journal(thread, birth, site, kind, bytes, 0);
	return true;
}

static CT_COLD bool record_alloc_sampled(struct ct_thread *thread, const struct ct_registers *caller, void *block,
					 size_t bytes)
{
	return ct_sample_skips(bytes) || !ct_sample_takes(thread, bytes) ||
	       record_alloc(true, thread, caller, block, bytes);
}

void ct_record_alloc(const struct ct_registers *caller, void *block, size_t bytes)
{
	struct ct_thread *thread = current_thread();
	bool recorded = false;
	if (ct_likely(thread != NULL) && ct_likely(bytes <= CT_BLOCK_BYTES_MAX))
		recorded = ct_likely(!ct_tracer.sample_bytes) ? record_alloc(false, thread, caller, block, bytes)
							      : record_alloc_sampled(thread, caller, block, bytes);
	if (ct_unlikely(!recorded))
		ct_count_loss(CT_LOSS_DROPPED);
}

/* Whatever is allocated without being recorded changes ct_tls.unsampled. */
static CT_COLD void record_free_sampled(struct ct_thread *thread, uint32_t record, const void *block, bool latest)
{
	bool temporary = latest && thread->last_unsampled == ct_tls.unsampled;
	journal_free(true, thread, record, (uintptr_t)block, temporary ? CT_EVENT_TEMPORARY : 0);
}

void ct_record_free(uint32_t record, const void *block)
{
	struct ct_thread *thread = current_thread();
	if (ct_unlikely(!thread)) {
		ct_count_loss(CT_LOSS_DROPPED);
		return;
	}
	bool latest = thread->last_block == (uintptr_t)block;
	thread->last_block = 0;
	if (ct_unlikely(ct_tracer.sample_bytes != 0))
		record_free_sampled(thread, record, block, latest);
	else
		journal_free(false, thread, record, (uintptr_t)block, latest ? CT_EVENT_TEMPORARY : 0);
}

/* A sample cannot know the site of a block that it has not taken: a resize is a free and an allocation. */
static CT_COLD void resize_sampled(struct ct_thread *thread, const struct ct_registers *caller, uint32_t record,
				   void *old_block, void *new_block, size_t bytes)
{
	if (record && !new_block && bytes)
		insert(thread, (uintptr_t)old_block, record);
	else if (record)
		journal_free(true, thread, record, (uintptr_t)old_block, 0);
	if (new_block)
		ct_record_alloc(caller, new_block, bytes);
}

void ct_record_resize(const struct ct_registers *caller, uint32_t record, void *old_block, void *new_block,
		      size_t bytes)
{
	struct ct_thread *thread = current_thread();
	if (ct_unlikely(!thread)) {
		ct_count_loss(CT_LOSS_DROPPED);
		return;
	}
	if (ct_unlikely(ct_tracer.sample_bytes != 0)) {
		resize_sampled(thread, caller, record, old_block, new_block, bytes);
		return;
	}
	if (ct_unlikely(bytes > CT_BLOCK_BYTES_MAX) && new_block) {
		if (record)
			journal_free(false, thread, record, (uintptr_t)old_block, 0);
		ct_count_loss(CT_LOSS_DROPPED);
		return;
	}
	if (!new_block) {
		if (!record)
			return;
		if (bytes == 0) /* glibc: realloc(p, 0) frees */
			journal_free(false, thread, record, (uintptr_t)old_block, 0);
		else if (!insert(thread, (uintptr_t)old_block, record))
			ct_count_loss(CT_LOSS_DROPPED);
		return;
	}
	if (!record) {
		if (old_block)
			ct_count_loss(CT_LOSS_UNKNOWN_FREE);
		ct_record_alloc(caller, new_block, bytes);
		return;
	}

	struct ct_block *entry = &ct_blocks.records[record];
	uint32_t site = ct_block_site(entry);
	uint64_t birth = ct_block_birth(entry);
	uint64_t old_bytes = ct_block_bytes(entry);
	uint64_t ticks = ct_ticks_after(thread, birth);
	ct_block_set(entry, site, bytes, birth);
	if (!insert(thread, (uintptr_t)new_block, record)) {
		ct_count_loss(CT_LOSS_DROPPED);
		return;
	}
	thread->last_block = (uintptr_t)new_block;
	journal(thread, ticks, site, CT_EVENT_RESIZE, bytes, old_bytes);
}

bool ct_enter_nested(void)
{
	/* 1: a hook is at work below us, so this is a signal handler's allocation. Deeper: our own. */
	if (ct_tls.busy == 1)
		ct_count_loss(CT_LOSS_DROPPED);
	return false;
}
