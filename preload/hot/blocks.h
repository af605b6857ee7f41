/* SPDX-License-Identifier: MIT */
/*
 * Block map: from the address of a live block to its row (site, size, birth).
 *
 * It is a two-level table, indexed by address: one 32-bit row index per granule. A leaf covers 64 MiB of address space;
 * it is mapped when first needed, and costs memory only where it is touched. The map needs no lock, since a block has
 * only one owner between malloc and free. Rows are in one dense table. Each thread keeps two lists of free rows, and
 * exchanges whole batches of them with the others.
 *
 * A granule is the smallest distance between the first bytes of two blocks: 32 bytes with glibc. Other allocators place
 * blocks of up to 8 bytes at distances of 8 bytes, and all others at 16. Those small blocks have a table of their own.
 * Since a block may begin in the middle of a 16-byte granule, its row says whether it does.
 *
 * Hot path, any thread.
 */
#ifndef CT_HOT_BLOCKS_H
#define CT_HOT_BLOCKS_H

#include "ctrace/block_map.h"
#include "hot/slow.h"
#include "hot/thread.h"
#include "sys/compiler.h"

#define CT_ROW_BATCH 1024u /* rows */

extern CT_HIDDEN struct ct_block_map ct_blocks;

/* The cell for an address in a table; NULL: its leaf is not mapped. */
static inline uint32_t *ct_block_cell(uint32_t *const *leaves, uint32_t granule_shift, uintptr_t address)
{
	address = ct_machine_untagged(address);
	if (ct_unlikely(address >> CT_ADDRESS_BITS))
		return NULL;
	uint32_t *leaf = ct_get_acquire(&leaves[address >> CT_LEAF_SHIFT]);
	if (ct_unlikely(!leaf))
		return NULL;
	return &leaf[(address & ((1u << CT_LEAF_SHIFT) - 1)) >> granule_shift];
}

static inline uint32_t ct_block_odd(uintptr_t address)
{
	return address & 8 ? CT_BLOCK_ODD : 0;
}

static inline uint32_t ct_block_take_small(uintptr_t address)
{
	uint32_t *cell = ct_block_cell(ct_blocks.small_leaves, CT_SMALL_GRANULE_SHIFT, address);
	uint32_t row = cell ? ct_get_relaxed(cell) : 0;
	if (row)
		ct_set_relaxed(cell, 0);
	return row;
}

/*
 * Take a block out of the map. Returns its row; 0: the block was not recorded. The caller owns the row, and gives it
 * back with ct_block_release or ct_block_insert. Must be called before the real free.
 */
static inline uint32_t ct_block_take(uintptr_t address)
{
	uint32_t *cell = ct_block_cell(ct_blocks.leaves, ct_blocks.granule_shift, address);
	uint32_t row = cell ? ct_get_relaxed(cell) : 0;
	if (ct_unlikely(ct_blocks.small_leaves != NULL) &&
	    (!row || ((uint32_t)ct_blocks.rows[row].site_size & CT_BLOCK_ODD) != ct_block_odd(address)))
		return ct_block_take_small(address);
	if (row)
		ct_set_relaxed(cell, 0);
	return row;
}

/* Get a free row. 0: no memory. */
static inline uint32_t ct_block_new(struct ct_thread *thread)
{
	if (ct_unlikely(!thread->free_rows) && !ct_blocks_refill(thread))
		return 0;
	uint32_t row = thread->free_rows;
	thread->free_rows = (uint32_t)ct_blocks.rows[row].site_size;
	thread->free_count--;
	return row;
}

/* Give a row back. */
static inline void ct_block_release(struct ct_thread *thread, uint32_t row)
{
	ct_blocks.rows[row].site_size = thread->free_rows;
	thread->free_rows = row;
	/* Otherwise a thread that only frees what others allocate would collect all rows. */
	if (ct_unlikely(++thread->free_count >= CT_ROW_BATCH))
		ct_blocks_spill(thread);
}

#define CT_ROW_NOT_INSERTED UINT32_MAX /* no memory for the leaf */

/*
 * Put a row at an address. Returns the row that was there (of a block whose free was missed); 0: none; or
 * CT_ROW_NOT_INSERTED.
 */
static inline uint32_t ct_block_insert(uintptr_t address, uint32_t row)
{
	uint32_t **leaves = ct_blocks.leaves;
	uint32_t shift = ct_blocks.granule_shift;
	if (ct_unlikely(ct_blocks.small_leaves != NULL)) {
		struct ct_block *block = &ct_blocks.rows[row];
		block->site_size = (block->site_size & ~(uint64_t)CT_BLOCK_ODD) | ct_block_odd(address);
		if (ct_block_bytes(block) <= CT_SMALL_BYTES) {
			leaves = ct_blocks.small_leaves;
			shift = CT_SMALL_GRANULE_SHIFT;
		}
	}
	uint32_t *cell = ct_block_cell(leaves, shift, address);
	if (ct_unlikely(!cell)) {
		if (!ct_blocks_map_leaf(leaves, shift, address))
			return CT_ROW_NOT_INSERTED;
		cell = ct_block_cell(leaves, shift, address);
	}
	uint32_t stale = ct_get_relaxed(cell);
	ct_set_relaxed(cell, row);
	return stale;
}

#endif
