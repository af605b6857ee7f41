/* SPDX-License-Identifier: MIT */
/*
 * Block map: address of a live block -> its row (site, size, birth).
 *
 * A two-level table indexed by address: one 32-bit row index per granule, in leaves of 64 MiB of address space that
 * are mapped when first needed and cost memory only where touched. It needs no lock: between malloc and free a
 * block has one owner. Rows live in one dense table; each thread keeps a list of free ones and trades batches
 * with the others.
 *
 * A granule is the smallest distance between two blocks' first bytes: 32 bytes with glibc. Other allocators put blocks
 * of up to 8 bytes 8 bytes apart, the others 16: those small blocks have a table of their own, and since a
 * block may begin in the middle of a granule of 16 bytes, its row says if it does.
 */
#ifndef CT_HOT_BLOCKS_H
#define CT_HOT_BLOCKS_H

#include "hot/slow.h"
#include "hot/thread.h"
#include "sys/compiler.h"

/*
 * A block's row, packed into two words: site | CT_BLOCK_ODD | size's low half << 32, size's high byte | birth << 8
 * (birth in ticks since start, with CT_BLOCK_RESIZED). While free, the first word is the next free row of its list.
 */
struct ct_block {
	uint64_t site_size;
	uint64_t size_birth;
};

#define CT_BLOCK_BYTES_MAX ((1ull << 40) - 1)

#define CT_BLOCK_ODD (1u << 31) /* not at a multiple of 16 bytes */
#define CT_BLOCK_RESIZED (1ull << 55) /* of the birth: there is a time of the latest resize (ct_blocks_latest) */
#define CT_SMALL_BYTES 8u

#define CT_LEAF_SHIFT 26u /* bytes of address space per leaf, log2 */
#define CT_ADDRESS_BITS 47u
#define CT_ROW_BATCH 128u

struct ct_block_map {
	uint32_t **leaves; /* [address >> CT_LEAF_SHIFT] */
	struct ct_block *rows; /* the table; row 0 is "none" */
	uint32_t granule_shift;
	uint32_t **small_leaves; /* for blocks of up to CT_SMALL_BYTES; NULL: they are like the others */
	uint32_t **pool_leaves; /* for blocks of the program's own pools, 8 bytes apart; NULL: there are none */
};

#define CT_SMALL_GRANULE_SHIFT 3u

extern CT_HIDDEN struct ct_block_map ct_blocks;

static inline void ct_block_set(struct ct_block *block, uint32_t site, uint64_t bytes, uint64_t birth)
{
	block->site_size = site | bytes << 32;
	block->size_birth = bytes >> 32 | birth << 8;
}

static inline uint32_t ct_block_site(const struct ct_block *block)
{
	return (uint32_t)block->site_size & ~CT_BLOCK_ODD;
}

static inline uint64_t ct_block_bytes(const struct ct_block *block)
{
	return block->site_size >> 32 | (block->size_birth & 0xff) << 32;
}

/* With CT_BLOCK_RESIZED. */
static inline uint64_t ct_block_birth(const struct ct_block *block)
{
	return block->size_birth >> 8;
}

/* The table's cell for an address; NULL: no leaf there. hot */
static inline uint32_t *ct_block_cell(uint32_t *const *leaves, uint32_t granule_shift, uintptr_t address)
{
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
 * Take a block out of the map: its row, 0 = not recorded. The caller owns the row and gives it
 * back with ct_block_release or ct_block_insert. Must come before the real free. hot
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

/* A fresh row, 0 = no memory. hot */
static inline uint32_t ct_block_new(struct ct_thread *thread)
{
	if (ct_unlikely(!thread->free_rows) && !ct_blocks_refill(thread))
		return 0;
	uint32_t row = thread->free_rows;
	thread->free_rows = (uint32_t)ct_blocks.rows[row].site_size;
	thread->free_count--;
	return row;
}

/* Give a row back. hot */
static inline void ct_block_release(struct ct_thread *thread, uint32_t row)
{
	ct_blocks.rows[row].site_size = thread->free_rows;
	thread->free_rows = row;
	/* A thread that frees what others allocate would hoard all rows. */
	if (ct_unlikely(++thread->free_count >= 2 * CT_ROW_BATCH))
		ct_blocks_spill(thread);
}

/* Put a row at an address; returns what stood there (a block whose free was missed), 0 = nothing,
 * UINT32_MAX = no memory for the leaf. hot */
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
			return UINT32_MAX;
		cell = ct_block_cell(leaves, shift, address);
	}
	uint32_t stale = ct_get_relaxed(cell);
	ct_set_relaxed(cell, row);
	return stale;
}

#endif
