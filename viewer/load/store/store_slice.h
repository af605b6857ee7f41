/* SPDX-License-Identifier: MIT */
/*
 * Finishes a round that a kill has interrupted while it added a slice's table to the sites (ctrace/slice.h). The table
 * was in the program's memory and is lost. The same events in the same order give the same table.
 */
#ifndef CT_LOAD_STORE_STORE_SLICE_H
#define CT_LOAD_STORE_STORE_SLICE_H

#include "ctrace/slice.h"
#include "load/store/store_file.h"

struct ct_store_slice {
	struct ct_slice_sums sums;
	struct ct_site *entries;
	size_t count, room;
	uint32_t *entry_of; /* by site: index + 1; 0: none yet */
	uint64_t *counters; /* of the entries' histograms; element 0 is not used */
	size_t counter_count, counter_room;
	size_t events;
	uint64_t first_ticks; /* time of the first one */
};

/* < 0: out of memory. Call ct_store_slice_end in any case, as after all other failures. */
int ct_store_slice_begin(struct ct_store_slice *slice, const struct ct_store_file *store, struct ct_error_text *error);

/* Fold the next event into the table. Its site is a valid one. A snapshot that is due before the slice is taken. */
int ct_store_slice_fold(struct ct_store_slice *slice, struct ct_store_file *store, const struct ct_event *event,
			struct ct_error_text *error);

/* Add the entries that the store does not have yet, and the totals. */
int ct_store_slice_add(const struct ct_store_slice *slice, struct ct_store_file *store, struct ct_error_text *error);

void ct_store_slice_end(struct ct_store_slice *slice);

#endif
