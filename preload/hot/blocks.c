/* SPDX-License-Identifier: MIT */
#include "hot/blocks.h"

#include "cold/cold.h"

struct ct_block_map ct_blocks;

uint32_t ct_block_new(struct ct_thread *thread)
{
	if (ct_unlikely(!thread->free_records) && !ct_blocks_refill(thread))
		return 0;
	uint32_t record = thread->free_records;
	thread->free_records = (uint32_t)ct_blocks.records[record].site_size;
	thread->free_count--;
	return record;
}

void ct_block_release(struct ct_thread *thread, uint32_t record)
{
	ct_blocks.records[record].site_size = thread->free_records;
	thread->free_records = record;
	thread->free_count++;
	/* A thread that frees what others allocate would hoard all records. */
	if (ct_unlikely(thread->free_count >= 2 * CT_RECORD_BATCH))
		ct_blocks_spill(thread);
}

uint32_t ct_block_insert(uintptr_t address, uint32_t record)
{
	uint32_t *cell = ct_block_cell(address);
	if (ct_unlikely(!cell)) {
		if (!ct_blocks_map_leaf(address))
			return UINT32_MAX;
		cell = ct_block_cell(address);
	}
	uint32_t stale = ct_load_relaxed(cell);
	ct_store_relaxed(cell, record);
	return stale;
}
