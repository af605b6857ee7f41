/* SPDX-License-Identifier: MIT */
/* Making and filling hot/table.h's tables. Under ct_lock_tree. */
#ifndef CT_COLD_TABLE_H
#define CT_COLD_TABLE_H

#include "hot/table.h"

/* Make an empty table. False: no memory. */
CT_COLD bool ct_table_init(struct ct_table **table);

/*
 * Add an entry whose key is not there. A table that is full makes room: entries with other bits than the new key's
 * in `mask` go, the others move to a table that is large enough. False: no memory.
 */
CT_COLD bool ct_table_add(struct ct_table **table, uint64_t key, uint64_t value, uint64_t mask);

#endif
