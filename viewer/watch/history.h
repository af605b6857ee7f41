/* SPDX-License-Identifier: MIT */
/*
 * What each site of a running program had live at some earlier times. A reading is made about once a second. Old ones
 * are dropped, so that their distance is a part of their age and a quarter of an hour takes some 60 of them. What
 * was before the first reading is filled in from the store's own snapshots. A new segment (ctrace/store.h) begins with
 * nothing live, and with no history.
 */
#ifndef CT_WATCH_HISTORY_H
#define CT_WATCH_HISTORY_H

#include "load/store/store_file.h"

struct ct_reading {
	uint64_t ns; /* CLOCK_MONOTONIC */
	int64_t *live; /* bytes, by the store's site */
	size_t count; /* later sites had nothing */
};

struct ct_history {
	struct ct_reading *rows; /* in order of time */
	size_t count, room;
	uint32_t segment;
};

/* Add what the store, which was read at this time, has live. 0, or < 0 when out of memory. */
int ct_history_add(struct ct_history *history, const struct ct_store_file *store, uint64_t ns);

/* The reading that is nearest to a time; NULL: there is none. */
const struct ct_reading *ct_history_near(const struct ct_history *history, uint64_t ns);

/* What a site had in a reading. */
int64_t ct_reading_live(const struct ct_reading *reading, size_t site);

void ct_history_fini(struct ct_history *history);

#endif
