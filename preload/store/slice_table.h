/* SPDX-License-Identifier: MIT */
/*
 * A slice's table (ctrace/slice.h): what a thread makes of its slice while other threads fold earlier ones. A table is
 * only a cache. The events stay in the rings until the table is added, so neither the combiner nor a reader needs it.
 */
#ifndef CT_STORE_SLICE_TABLE_H
#define CT_STORE_SLICE_TABLE_H

#include "ctrace/slice.h"
#include "store/slice.h"

struct ct_slice_slot; /* of the hash table that finds a site's entry */

struct ct_slice_table {
	uint32_t entry_count; /* 0: there is no table */
	uint32_t counter_count; /* for the entries' histograms; element 0 is not used */
	uint64_t latest_ticks; /* of its events */
	struct ct_slice_sums sums;
	struct ct_site *entries;
	uint64_t *counters;
	struct ct_slice_slot *slots;
	uint32_t slot_mask;
	uint32_t generation; /* marks the slots of this table */
	uint32_t most_entries, most_counters; /* that its memory has held */
};

/* Make the table of a slice that has keys. There is none if it does not fit or there is no memory. */
void ct_slice_make_table(struct ct_slice *slice);

/* The number of bytes that a table has used. NULL: 0. */
CT_COLD uint64_t ct_slice_table_bytes(const struct ct_slice_table *table);

#endif
