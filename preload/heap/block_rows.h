/* SPDX-License-Identifier: MIT */
/*
 * The memory behind the block map (hot/blocks.h): the leaves of the address table, and the rows of blocks. Threads take
 * free rows and give them back in batches. Any thread; the functions take the locks themselves.
 */
#ifndef CT_HEAP_BLOCK_ROWS_H
#define CT_HEAP_BLOCK_ROWS_H

#include "sys/compiler.h"

/*
 * At start. glibc: is it the program's allocator? exact: must ct_blocks_each see exact addresses? That costs memory.
 * False: no memory.
 */
CT_COLD bool ct_blocks_init(bool glibc, bool exact);

/* Memory that the map uses, bytes. */
CT_COLD uint64_t ct_blocks_bytes(void);

/* All rows in use are below this one. */
CT_COLD uint32_t ct_blocks_rows_end(void);

/* Visit every block in the order of addresses until visit returns false. Addresses are rounded down to a granule. */
CT_COLD void ct_blocks_each(bool (*visit)(void *context, uintptr_t address, uint32_t row), void *context);

#endif
