/* SPDX-License-Identifier: MIT */
/*
 * What stays: the functions with much that is live at the end, each with the verdict on its live bytes over time
 * (model/growth.h).
 */
#ifndef CT_MODEL_STAYS_H
#define CT_MODEL_STAYS_H

#include "model/growth.h"
#include "model/profile.h"

/* A function with fewer bytes and blocks at the end, or a leak of fewer, is left out. */
#define CT_STAY_BYTES_MIN 16384
#define CT_STAY_BLOCKS_MIN 100

struct ct_stay {
	uint32_t site; /* the one with most bytes at the end: index into ct_profile.sites */
	size_t site_count; /* with blocks at the end */
	struct ct_counters counters; /* sums over all sites of the function */
	struct ct_growth growth;
};

struct ct_stays {
	struct ct_stay *rows; /* the most bytes first */
	size_t count;
	uint32_t *of_function; /* index into rows, or UINT32_MAX */
	bool judged; /* false: the run was shorter than 10 ms, or too few moments are known */
	uint64_t grown_bytes; /* by which the live bytes of all functions rose between the first moment and the end */
};

/* function_of: the number of each site's function. 0, or < 0 when out of memory; call ct_stays_fini in both cases. */
int ct_stays_find(struct ct_stays *stays, const struct ct_profile *profile, const uint32_t *function_of,
		  size_t function_count);
void ct_stays_fini(struct ct_stays *stays);

/* What a function has, or NULL. */
const struct ct_stay *ct_stays_of(const struct ct_stays *stays, uint32_t function);

#endif
