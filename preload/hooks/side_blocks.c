/* SPDX-License-Identifier: MIT */
#include "hooks/side_blocks.h"

#include "hot/blocks.h"
#include "hot/slow.h"

#define GRANULE_SHIFT 3u

uint32_t *ct_side_cell(const ct_side_table *table, uintptr_t address)
{
	uint32_t **leaves = ct_get_acquire(table);
	return leaves && !(address & 7) ? ct_block_cell(leaves, GRANULE_SHIFT, address) : NULL;
}

/* The same, mapped if necessary; NULL: no memory. */
static uint32_t *cell_made(ct_side_table *table, uintptr_t address)
{
	uint32_t *cell = ct_side_cell(table, address);
	if (ct_likely(cell != NULL))
		return cell;
	if (address & 7 || (!ct_get_acquire(table) && !ct_blocks_map_side(table)) ||
	    !ct_blocks_map_leaf(*table, GRANULE_SHIFT, address))
		return NULL;
	return ct_side_cell(table, address);
}

/* Put a row into its cell. A row that is there already is a block's whose free was missed. */
static void insert(struct ct_thread *thread, uint32_t *cell, uintptr_t address, uint32_t row)
{
	uint32_t stale = ct_get_relaxed(cell);
	if (stale)
		ct_journal_free(ct_tracer.sample_bytes != 0, thread, stale, address, 0);
	ct_set_relaxed(cell, row);
}

bool ct_side_alloc(ct_side_table *table, const struct ct_registers *caller, uintptr_t address, size_t bytes)
{
	struct ct_thread *thread = ct_thread_current();
	bool sampled = ct_tracer.sample_bytes != 0;
	if (!thread || bytes > CT_BLOCK_BYTES_MAX)
		return false;
	if (ct_unlikely(ct_get_relaxed(&ct_tracer.special)) && ct_record_is_left_out(thread, bytes))
		return true;
	uint32_t site = ct_unwind(thread, caller);
	uint32_t *cell = site ? cell_made(table, address) : NULL;
	uint32_t row = cell ? ct_block_new(thread) : 0;
	if (!row)
		return false;

	uint64_t birth = ct_ticks_onward(thread, ct_ticks());
	uint32_t kind = CT_EVENT_ALLOC;
	ct_block_set(&ct_blocks.rows[row], site, bytes, birth);
	insert(thread, cell, address, row);
	thread->last_block = address;
	if (sampled) {
		ct_sample_note(address, true);
		thread->last_unsampled = ct_tls.unsampled;
	}
	bytes = ct_weigh(sampled, bytes, birth, &kind);
	ct_journal(thread, birth, site, kind, bytes, 0);
	return true;
}

/* Unsampled blocks have no site, and blocks must not grow while paused, so a resize is a free and an allocation. */
static bool resize_special(ct_side_table *table, const struct ct_registers *caller, uint32_t row, void *old_block,
			   void *new_block, size_t bytes)
{
	if (row)
		ct_record_free(row, old_block);
	return !new_block || ct_side_alloc(table, caller, (uintptr_t)new_block, bytes);
}

/* False: the block is lost. */
static bool resize(ct_side_table *table, struct ct_thread *thread, const struct ct_registers *caller, uint32_t row,
		   void *old_block, void *new_block, size_t bytes)
{
	if (row && !new_block && bytes) { /* it has failed, and the block is as it was */
		ct_set_relaxed(ct_side_cell(table, (uintptr_t)old_block), row);
		return true;
	}
	if (ct_get_relaxed(&ct_tracer.special) || !row || !new_block || bytes > CT_BLOCK_BYTES_MAX)
		return resize_special(table, caller, row, old_block, new_block, bytes);

	uint32_t *cell = cell_made(table, (uintptr_t)new_block);
	const struct ct_block *entry = &ct_blocks.rows[row];
	uint32_t site = ct_block_site(entry);
	uint64_t old_bytes = ct_block_bytes(entry), birth = ct_block_birth(entry) & ~CT_BLOCK_RESIZED;
	uint64_t ticks = ct_record_new_size(thread, row, bytes);
	if (ct_is_stale(birth, ticks)) {
		ct_block_release(thread, row);
		return ct_side_alloc(table, caller, (uintptr_t)new_block, bytes);
	}
	if (!cell)
		return false;
	insert(thread, cell, (uintptr_t)new_block, row);
	thread->last_block = (uintptr_t)new_block;
	ct_journal(thread, ticks, site, CT_EVENT_RESIZE | (new_block == old_block ? 0 : CT_EVENT_MOVED), bytes,
		   old_bytes);
	return true;
}

void ct_side_resize(ct_side_table *table, const struct ct_registers *caller, uint32_t row, void *old_block,
		    void *new_block, size_t bytes)
{
	struct ct_thread *thread = ct_thread_current();
	if (old_block && new_block && !row && !ct_tracer.partial)
		ct_count_loss(CT_LOSS_UNKNOWN_FREE);
	if (!thread || !resize(table, thread, caller, row, old_block, new_block, bytes))
		ct_count_loss(CT_LOSS_DROPPED);
}
