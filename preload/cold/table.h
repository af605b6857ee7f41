/* SPDX-License-Identifier: MIT */
/* Making and filling hot/table.h's tables. Under ct_lock_tree. */
#ifndef CT_COLD_TABLE_H
#define CT_COLD_TABLE_H

#include "hot/table.h"

/* The hash of an entry that is in a table already, to put it into a larger one. */
typedef uint32_t ct_table_hash(const struct ct_entry *entry);

/* Make an empty table. False: no memory. */
CT_COLD bool ct_table_init(struct ct_table **table);

/*
 * Add an entry whose key is not there. A table that is full makes room: entries with other bits than the new key's
 * in `mask` go, the others move to a table that is large enough. False: no memory.
 */
CT_COLD bool ct_table_add(struct ct_table **table, struct ct_entry added, uint64_t mask, ct_table_hash *hash);

#endif
