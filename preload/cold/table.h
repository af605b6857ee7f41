/* SPDX-License-Identifier: MIT */
/* Making and filling hot/table.h's tables. Under ct_lock_tree. */
#ifndef CT_COLD_TABLE_H
#define CT_COLD_TABLE_H

#include "hot/table.h"

/* Empty the table, or make it (*table is NULL at first). False: no memory. */
CT_COLD bool ct_table_reset(struct ct_table **table);

/* Add an entry whose key is not there. False: no memory. */
CT_COLD bool ct_table_add(struct ct_table **table, uint64_t key, uint64_t value);

#endif
