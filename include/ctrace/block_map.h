/* SPDX-License-Identifier: MIT */
/*
 * How the block map lies in the traced process's memory. The preload keeps it (hot/blocks.h explains it); `ctrace
 * memory` reads it from outside. A note of the library (note.h, CT_NOTE_BLOCKS) leads to the struct ct_block_map.
 */
#ifndef CTRACE_BLOCK_MAP_H
#define CTRACE_BLOCK_MAP_H

#include <stdint.h>

#include "ctrace/machine.h"

/*
 * A block's row, packed into two words:
 *   site_size   site | CT_BLOCK_ODD | low 32 bits of the size << 32
 *   size_birth  high 8 bits of the size | birth << 8 (ticks since start, with CT_BLOCK_RESIZED)
 * The first word of a free row is the next free row in its list.
 */
struct ct_block {
	uint64_t site_size;
	uint64_t size_birth;
};

#define CT_BLOCK_BYTES_MAX ((1ull << 40) - 1)

#define CT_BLOCK_ODD (1u << 31) /* the block's address is not a multiple of 16 */
#define CT_BLOCK_RESIZED (1ull << 55) /* in the birth: the block was resized, see ct_blocks_latest */
#define CT_SMALL_BYTES 8u

#define CT_LEAF_SHIFT 26u /* log2 of the bytes of address space per leaf */
#define CT_SMALL_GRANULE_SHIFT 3u
#define CT_LIBC_GRANULE_SHIFT 5u /* glibc's blocks, unless exact addresses are needed */

struct ct_block_map {
	uint32_t **leaves; /* indexed by address >> CT_LEAF_SHIFT */
	struct ct_block *rows; /* row 0 means "none" */
	uint32_t granule_shift; /* log2 of the granule */
	uint32_t **small_leaves; /* for blocks of up to CT_SMALL_BYTES; NULL: they are in `leaves` too */
	uint32_t **pool_leaves; /* for blocks of the program's own pools, granule 8; NULL: none yet */
	uint32_t **foreign_leaves; /* for blocks of an allocator other than malloc's, granule 8; NULL: none yet */
};

#define CT_BLOCK_MAP_LAYOUT 1 /* in the note; another number means another layout */

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

/* Ticks at the allocation, with CT_BLOCK_RESIZED if the block was resized. */
static inline uint64_t ct_block_birth(const struct ct_block *block)
{
	return block->size_birth >> 8;
}

#endif
