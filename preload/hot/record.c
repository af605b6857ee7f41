/* SPDX-License-Identifier: MIT */
#include "hot/record.h"

#include "hot/blocks.h"
#include "hot/journal.h"
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

static inline void journal_free(struct ct_thread *thread, uint32_t record, uint32_t flags)
{
	const struct ct_block *block = &ct_blocks.records[record];
	uint32_t site = ct_block_site(block);
	uint64_t bytes = ct_block_bytes(block);
	uint64_t birth = ct_block_birth(block);
	ct_block_release(thread, record);
	journal(thread, ct_ticks_after(thread, birth), site, CT_EVENT_FREE | flags, bytes, birth);
}

/* Put a record at its block's address. What stands there already is a block whose free was missed. */
static bool insert(struct ct_thread *thread, uintptr_t address, uint32_t record)
{
	uint32_t stale = ct_block_insert(address, record);
	if (ct_likely(!stale))
		return true;
	if (stale != UINT32_MAX) {
		journal_free(thread, stale, 0);
		return true;
	}
	ct_block_release(thread, record);
	return false;
}

static bool try_record_alloc(struct ct_thread *thread, const struct ct_registers *caller, void *block, size_t bytes)
{
	if (ct_unlikely(bytes > CT_BLOCK_BYTES_MAX))
		return false;
	uint32_t site = ct_unwind(thread, caller);
	uint32_t record = ct_likely(site) ? ct_block_new(thread) : 0;
	if (ct_unlikely(!record))
		return false;

	uint64_t birth = ct_ticks_after(thread, 0);
	ct_block_set(&ct_blocks.records[record], site, bytes, birth);
	if (ct_unlikely(!insert(thread, (uintptr_t)block, record)))
		return false;

	thread->last_block = (uintptr_t)block;
	journal(thread, birth, site, CT_EVENT_ALLOC, bytes, 0);
	return true;
}

void ct_record_alloc(const struct ct_registers *caller, void *block, size_t bytes)
{
	struct ct_thread *thread = current_thread();
	if (ct_unlikely(!thread) || ct_unlikely(!try_record_alloc(thread, caller, block, bytes)))
		ct_count_loss(CT_LOSS_DROPPED);
}

void ct_record_free(uint32_t record, const void *block)
{
	struct ct_thread *thread = current_thread();
	if (ct_unlikely(!thread)) {
		ct_count_loss(CT_LOSS_DROPPED);
		return;
	}
	bool temporary = thread->last_block == (uintptr_t)block;
	thread->last_block = 0;
	journal_free(thread, record, temporary ? CT_EVENT_TEMPORARY : 0);
}

void ct_record_resize(const struct ct_registers *caller, uint32_t record, void *old_block, void *new_block,
		      size_t bytes)
{
	struct ct_thread *thread = current_thread();
	if (ct_unlikely(!thread)) {
		ct_count_loss(CT_LOSS_DROPPED);
		return;
	}
	if (ct_unlikely(bytes > CT_BLOCK_BYTES_MAX) && new_block) {
		if (record)
			journal_free(thread, record, 0);
		ct_count_loss(CT_LOSS_DROPPED);
		return;
	}
	if (!new_block) {
		if (!record)
			return;
		if (bytes == 0) /* glibc: realloc(p, 0) frees */
			journal_free(thread, record, 0);
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
