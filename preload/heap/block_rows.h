/* SPDX-License-Identifier: MIT */
/*
 * The memory behind the block map (hot/blocks.h): leaves of the address table, and the rows of blocks, which threads
 * take and give back in batches. Any thread; locks are inside.
 */
#ifndef CT_HEAP_BLOCK_ROWS_H
#define CT_HEAP_BLOCK_ROWS_H

#include "sys/compiler.h"

/*
 * glibc: it is the program's allocator, else another one. exact: with ct_blocks_each the addresses are, at the price of
 * memory. False: no memory.
 */
CT_COLD bool ct_blocks_init(bool glibc, bool exact);

/* Memory of the map that is in use, bytes. */
CT_COLD uint64_t ct_blocks_bytes(void);

/* The rows in use are below it. */
CT_COLD uint32_t ct_blocks_rows_end(void);

/* Visit every block in the order of addresses, which are rounded down to granules, until visit returns false. */
CT_COLD void ct_blocks_each(bool (*visit)(void *context, uintptr_t address, uint32_t row), void *context);

#endif
