/* SPDX-License-Identifier: MIT */
/*
 * The functions of ctrace/ctrace.h that record something at their caller's call stack: ad-hoc events, and blocks of
 * pools. Hot path, any thread.
 */
#include "ctrace/ctrace.h"

#include "hooks/event.h"
#include "hooks/side_blocks.h"
#include "hot/blocks.h"
#include "hot/record.h"
#include "hot/slow.h"

CT_EXPORT void ctrace_api_event(uint64_t weight)
{
	if (!ct_enter())
		return;
	if (!(ct_get_relaxed(&ct_tracer.special) & CT_SPECIAL_OFF) &&
	    !ct_record_event(CT_CALLER, CT_PSEUDO_EVENT, &ct_tracer.event_place, weight))
		ct_count_loss(CT_LOSS_DROPPED);
	ct_leave();
}

CT_EXPORT void ctrace_api_pool_alloc(void *block, size_t bytes)
{
	if (!block || !ct_enter())
		return;
	if (!ct_side_alloc(&ct_blocks.pool_leaves, CT_CALLER, (uintptr_t)block, bytes))
		ct_count_loss(CT_LOSS_DROPPED);
	ct_leave();
}

/* Free the block of a cell. False: there is no recorded block. */
static bool free_cell(uint32_t *cell, const void *block)
{
	uint32_t row = ct_side_take(cell);
	if (row)
		ct_record_free(row, block);
	return row != 0;
}

CT_EXPORT void ctrace_api_pool_free(void *block)
{
	if (!block || !ct_enter())
		return;
	if (!free_cell(ct_side_cell(&ct_blocks.pool_leaves, (uintptr_t)block), block) &&
	    ((uintptr_t)block & 7 || !ct_tracer.partial))
		ct_count_loss(CT_LOSS_UNKNOWN_FREE);
	ct_leave();
}

CT_EXPORT void ctrace_api_pool_clear(void *base, size_t bytes)
{
	uintptr_t start = ct_machine_untagged((uintptr_t)base), address = (start + 7) & ~(uintptr_t)7, end;
	if (__builtin_add_overflow(start, bytes, &end) || end >> CT_ADDRESS_BITS || !ct_enter())
		return;
	while (address < end) {
		uint32_t *cell = ct_side_cell(&ct_blocks.pool_leaves, address);
		uintptr_t leaf_end = (address | ((1u << CT_LEAF_SHIFT) - 1)) + 1;
		uintptr_t stop = leaf_end < end ? leaf_end : end;
		for (; cell && address < stop; address += 8)
			free_cell(cell++, (const void *)address);
		address = stop;
	}
	ct_leave();
}

/* Resize a block to 0 bytes in place, as realloc would. Its slack is not known. */
static void record_storage(struct ct_thread *thread, uint32_t row, uintptr_t base)
{
	const struct ct_block *block = &ct_blocks.rows[row];
	uint32_t site = ct_block_site(block);
	uint64_t old_bytes = ct_block_bytes(block);
	if (ct_tracer.special) {
		ct_record_free(row, (const void *)base);
		return;
	}
	uint64_t birth = ct_block_birth(block) & ~CT_BLOCK_RESIZED;
	uint64_t ticks = ct_record_new_size(thread, row, 0);
	if (ct_is_stale(birth, ticks)) {
		ct_block_release(thread, row);
		return;
	}
	ct_journal(thread, ticks, site, CT_EVENT_RESIZE, 0, old_bytes);
	ct_insert(thread, base, row);
}

CT_EXPORT void ctrace_api_pool_create(void *base)
{
	if (!base || !ct_enter())
		return;
	struct ct_thread *thread = ct_thread_current();
	uint32_t row = thread ? ct_block_take((uintptr_t)base) : 0;
	if (row)
		record_storage(thread, row, (uintptr_t)base);
	ct_leave();
}
