/* SPDX-License-Identifier: MIT */
/*
 * Blocks that are not malloc's, in tables of their own with a cell for each 8 bytes: those of the program's pools,
 * whose first block may have the address of the storage, and those of a second allocator, whose blocks may be closer
 * together than malloc's. Their slack is not known. Hot path, any thread, between ct_enter and ct_leave.
 */
#ifndef CT_HOOKS_SIDE_BLOCKS_H
#define CT_HOOKS_SIDE_BLOCKS_H

#include "hot/record.h"

/* One of the tables of ct_blocks. */
typedef uint32_t **ct_side_table;

/* The cell for an address; NULL: not mapped. */
uint32_t *ct_side_cell(const ct_side_table *table, uintptr_t address);

/* Record a new block. False: no memory, or an address that is not a multiple of 8. */
bool ct_side_alloc(ct_side_table *table, const struct ct_registers *caller, uintptr_t address, size_t bytes);

/* Take the row out of a cell, which may be NULL. 0: there is no recorded block. */
static inline uint32_t ct_side_take(uint32_t *cell)
{
	uint32_t row = cell ? ct_get_relaxed(cell) : 0;
	if (row)
		ct_set_relaxed(cell, 0);
	return row;
}

/* ct_record_resize for such a block. row was taken from old_block's cell. */
void ct_side_resize(ct_side_table *table, const struct ct_registers *caller, uint32_t row, void *old_block,
		    void *new_block, size_t bytes);

#endif
