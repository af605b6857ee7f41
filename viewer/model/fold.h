/* SPDX-License-Identifier: MIT */
/*
 * Sites of one place in the program's own code, folded into one *row*. Sites belong to one row if their own frames
 * (model/origin.h) have the same functions and lines, from the outermost in; what a library does in between does not
 * matter, nor on which thread it was. Numbers add up, except that the maxima are upper bounds.
 */
#ifndef CT_MODEL_FOLD_H
#define CT_MODEL_FOLD_H

#include "model/origin.h"

struct ct_fold_row {
	const struct ct_counters *counters; /* of its only site, or in ct_fold.sums */
	uint32_t site; /* the one with most bytes in total: index into ct_profile.sites */
	uint32_t first; /* the one with the lowest index, which stays when sites are added */
	uint32_t site_count;
	uint32_t thread_count; /* 0 if the profile does not know threads */
	bool many_calls; /* its sites do not all go through the same call of a library */
};

struct ct_fold {
	struct ct_fold_row *rows;
	size_t count;
	uint32_t *row_of; /* by site: index in rows; not set for a site that was left out */
	struct ct_counters *sums; /* only for rows of several sites, since counters are large */
};

/* Make the rows. apart: one for each site. left_out flags the sites to skip; NULL: skip none. 0, or < 0 when out of
 * memory; call ct_fold_fini in both cases. */
int ct_fold_init(struct ct_fold *fold, const struct ct_profile *profile, const struct ct_origins *origins, bool apart,
		 const bool *left_out);
void ct_fold_fini(struct ct_fold *fold);

#endif
