/* SPDX-License-Identifier: MIT */
#include "hot/record.h"

extern const char __ehdr_start[] CT_HIDDEN, _end[] CT_HIDDEN; /* of this library; the linker makes them */

bool ct_replace_stale(struct ct_thread *thread, uintptr_t address, uint32_t stale, uint32_t row)
{
	if (stale != CT_ROW_NOT_INSERTED) {
		ct_journal_free(ct_tracer.sample_bytes != 0, thread, stale, address, 0);
		return true;
	}
	ct_block_release(thread, row);
	return false;
}

void ct_record_not(uint32_t row, const void *block)
{
	/* At a thread's first event, the recording may have ended meanwhile. */
	bool late = ct_get_relaxed(&ct_gate.phase) == CT_PHASE_OFF;
	ct_count_loss(late ? CT_LOSS_LATE : CT_LOSS_DROPPED);
	if (row)
		ct_block_insert((uintptr_t)block, row);
}

bool ct_record_is_left_out(struct ct_thread *thread, size_t bytes)
{
	/* Sampling continues during a pause, so this comes first. */
	if (ct_tracer.sample_bytes && (ct_sample_skips(bytes) || !ct_sample_takes(thread, bytes)))
		return true;
	uint32_t special = ct_get_relaxed(&ct_tracer.special);
	if (!(special & (CT_SPECIAL_OFF | CT_SPECIAL_PAUSED | CT_SPECIAL_PAUSED_OUTSIDE)))
		return false;
	if (!(special & CT_SPECIAL_OFF))
		ct_count_loss(CT_LOSS_PAUSED);
	thread->last_block = 0;
	return true;
}

bool ct_record_alloc_special(struct ct_thread *thread, const struct ct_registers *caller, void *block, size_t bytes)
{
	if (ct_record_is_left_out(thread, bytes))
		return true;
	return ct_tracer.sample_bytes ? ct_record_alloc_as(true, true, thread, caller, block, bytes)
				      : ct_record_alloc_as(false, true, thread, caller, block, bytes);
}

void ct_record_alloc_of_another(const struct ct_registers *caller, void *block, size_t bytes)
{
	struct ct_thread *thread = ct_thread_current();
	if (ct_tracer.sample_bytes) /* samples have no slack */
		ct_record_alloc(caller, block, bytes);
	else if (thread && ct_get_relaxed(&ct_tracer.special) && ct_record_is_left_out(thread, bytes))
		return;
	else if (!thread || bytes > CT_BLOCK_BYTES_MAX ||
		 !ct_record_alloc_as(false, false, thread, caller, block, bytes))
		ct_record_not(0, NULL);
}

void ct_record_free_special(struct ct_thread *thread, uint32_t row, const void *block, bool latest)
{
	bool sampled = ct_tracer.sample_bytes != 0;
	/* In a sample, an allocation that is not recorded changes ct_tls.unsampled, so the comparison finds those. */
	bool temporary = latest && (!sampled || thread->last_unsampled == ct_tls.unsampled);
	if (ct_get_relaxed(&ct_tracer.special) & CT_SPECIAL_OFF)
		ct_block_release(thread, row);
	else
		ct_journal_free(sampled, thread, row, (uintptr_t)block, temporary ? CT_EVENT_TEMPORARY : 0);
}

/* Unsampled blocks have no site, and blocks must not grow while paused, so a resize is a free and an allocation. */
static CT_COLD void resize_special(struct ct_thread *thread, const struct ct_registers *caller, uint32_t row,
				   void *old_block, void *new_block, size_t bytes)
{
	if (row && !new_block && bytes)
		ct_insert(thread, (uintptr_t)old_block, row);
	else if (row)
		ct_record_free_special(thread, row, old_block, false);
	if (new_block)
		ct_record_alloc(caller, new_block, bytes);
}

uint64_t ct_record_new_size(struct ct_thread *thread, uint32_t row, uint64_t bytes)
{
	struct ct_block *block = &ct_blocks.rows[row];
	uint64_t birth = ct_block_birth(block);
	uint64_t ticks = ct_ticks_of_block(thread, row, &birth);
	ct_block_set(block, ct_block_site(block), bytes, ct_blocks_note_resize(row, birth, ticks));
	return ticks;
}

void ct_record_resize(const struct ct_registers *caller, uint32_t row, void *old_block, void *new_block, size_t bytes)
{
	struct ct_thread *thread = ct_thread_current();
	if (ct_unlikely(!thread)) {
		ct_record_not(row, new_block ? new_block : old_block);
		return;
	}
	if (ct_unlikely(ct_get_relaxed(&ct_tracer.special))) {
		resize_special(thread, caller, row, old_block, new_block, bytes);
		return;
	}
	if (ct_unlikely(bytes > CT_BLOCK_BYTES_MAX) && new_block) {
		if (row)
			ct_journal_free(false, thread, row, (uintptr_t)old_block, 0);
		ct_count_loss(CT_LOSS_DROPPED);
		return;
	}
	if (!new_block) {
		if (!row)
			return;
		if (bytes == 0) /* glibc: realloc(p, 0) frees */
			ct_journal_free(false, thread, row, (uintptr_t)old_block, 0);
		else if (!ct_insert(thread, (uintptr_t)old_block, row))
			ct_count_loss(CT_LOSS_DROPPED);
		return;
	}
	if (!row) {
		if (old_block && !ct_tracer.partial)
			ct_count_loss(CT_LOSS_UNKNOWN_FREE);
		ct_record_alloc(caller, new_block, bytes);
		return;
	}

	const struct ct_block *entry = &ct_blocks.rows[row];
	uint32_t site = ct_block_site(entry);
	uint64_t old_bytes = ct_block_bytes(entry), birth = ct_block_birth(entry) & ~CT_BLOCK_RESIZED;
	uint64_t ticks = ct_record_new_size(thread, row, bytes);
	if (ct_unlikely(ct_is_stale(birth, ticks))) {
		ct_block_release(thread, row);
		ct_record_alloc(caller, new_block, bytes);
		return;
	}
	if (!ct_insert(thread, (uintptr_t)new_block, row)) {
		ct_count_loss(CT_LOSS_DROPPED);
		return;
	}
	thread->last_block = (uintptr_t)new_block;
	uint32_t kind = CT_EVENT_RESIZE | (new_block == old_block ? 0 : CT_EVENT_MOVED);
	ct_journal(thread, ticks, site, kind, bytes, old_bytes | ct_slack(new_block, bytes));
}

bool ct_enter_off(void)
{
	ct_tls.busy = 0;
	if (!ct_start())
		return false;
	ct_tls.busy = CT_BUSY_HOOK;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (ct_get_acquire(&ct_gate.phase) == CT_PHASE_ON)
		return true;
	ct_tls.busy = 0;
	return false;
}

/*
 * Is this a call that the allocator behind us makes for itself, such as a realloc that calls malloc and free by name?
 * If it jumps to the function, the call seems to come from our hook.
 */
bool ct_is_allocators_own(uintptr_t caller)
{
	uintptr_t bytes = ct_tracer.allocator.end - ct_tracer.allocator.start;
	return bytes && (caller - ct_tracer.allocator.start < bytes ||
			 caller - (uintptr_t)__ehdr_start < (uintptr_t)(_end - __ehdr_start));
}

bool ct_enter_nested(uintptr_t caller)
{
	/*
	 * A signal handler has interrupted a hook and allocates: that allocation is lost. Calls of the tracer itself
	 * are not counted, nor those that are part of a call which is being recorded.
	 */
	if (!ct_is_own() && !ct_is_allocators_own(caller))
		ct_count_loss(CT_LOSS_DROPPED);
	return false;
}
