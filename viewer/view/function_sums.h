/* SPDX-License-Identifier: MIT */
/*
 * What each function allocates: inclusive, everything allocated while it was on the stack (a site counts once, also
 * where a function calls itself), and self, what it allocates itself, allocator functions skipped.
 */
#ifndef CT_VIEW_FUNCTION_SUMS_H
#define CT_VIEW_FUNCTION_SUMS_H

#include "view/view.h"

struct ct_function_sum {
	struct ct_counters inclusive;
	struct ct_counters self;
	uint32_t example; /* a frame of it */
	uint32_t seen; /* number of the last site that counted, from 1 */
};

struct ct_function_sums {
	struct ct_function_sum *functions; /* by ct_name_key */
	struct ct_function_sum **order; /* those that are there */
	size_t count;
};

/* left_out: by site, NULL = none is. 0, or < 0 without memory; ct_function_sums_fini in both cases. */
int ct_function_sums_init(struct ct_function_sums *sums, const struct ct_profile *profile, const bool *allocators,
			  const bool *left_out);
void ct_function_sums_fini(struct ct_function_sums *sums);

/* Largest first. */
void ct_function_sums_sort(struct ct_function_sums *sums, enum ct_column column);

#endif
