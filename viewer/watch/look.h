/* SPDX-License-Identifier: MIT */
/*
 * A look at a program whose memory is tight, or was when it was killed: who holds what, who has grown since some
 * earlier times, the latest allocations of each thread, and the ledger. It is made of a store that was just read.
 */
#ifndef CT_WATCH_LOOK_H
#define CT_WATCH_LOOK_H

#include <stdbool.h>
#include <stdio.h>

#include "load/store/store_builder.h"
#include "model/fold.h"
#include "watch/history.h"

#define CT_LOOK_TIMES 4 /* 10 s, 1, 5, 15 minutes before */
#define CT_LOOK_SITES 12 /* with most live bytes, and those that have grown most since each of the times */
#define CT_LOOK_GROWN 4
#define CT_LOOK_PARTS 1000 /* a site is shown if it has, or has grown by, such a part of what is live */
#define CT_LOOK_ALLOCATIONS 5 /* of each thread */

struct ct_look_row {
	uint32_t row; /* of the fold */
	int64_t grown[CT_LOOK_TIMES]; /* bytes */
};

struct ct_look_allocation {
	uint32_t thread; /* its id; 0: it has ended */
	uint32_t site; /* of the profile */
	bool resized;
	uint64_t bytes;
	uint64_t before_us; /* before the program's latest event */
};

struct ct_look {
	/* the caller's */
	const struct ct_profile *profile;
	const struct ct_ledger *ledger; /* NULL: none was taken */
	uint64_t ledger_age_ns;
	uint64_t unix_ns;
	bool after; /* the process is gone; what its group used is that of the latest look before */
	uint64_t used_bytes, limit_bytes; /* of the control group */
	int pressure; /* see ct_group_pressure */
	/* made */
	struct ct_origins origins;
	struct ct_fold fold;
	double seconds[CT_LOOK_TIMES]; /* how long ago the earlier times are; the nearest ones that are known */
	unsigned times;
	struct ct_look_row *rows; /* those that are shown first, the most live bytes first */
	size_t row_count, shown;
	struct ct_look_allocation *allocations; /* by thread, the latest first */
	size_t allocation_count;
};

/*
 * The builder's profile was just updated from the store, at `now` (CLOCK_MONOTONIC). 0, or < 0 when out of memory; call
 * ct_look_fini in both cases.
 */
int ct_look_init(struct ct_look *look, const struct ct_store_file *store, struct ct_store_builder *builder,
		 const struct ct_history *history, uint64_t now);
void ct_look_fini(struct ct_look *look);

/* Write it as text, and as a JSON object without a line end. title: when it was made, such as "at 95 %". */
int ct_look_put_text(FILE *out, const struct ct_look *look, const char *title);
int ct_look_put_json(FILE *out, const struct ct_look *look, const char *title);

#endif
