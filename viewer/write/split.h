/* SPDX-License-Identifier: MIT */
/*
 * A profile whose reader can fold its threads or split them: each site is a stack on one thread, without the
 * label, which is kept beside it. Equal stacks of several threads are adjacent in the order of stacks.
 */
#ifndef CT_WRITE_SPLIT_H
#define CT_WRITE_SPLIT_H

#include "model/profile.h"
#include "util/error.h"

struct ct_split {
	struct ct_profile profile; /* shares everything but its sites with the original, and its indices of sites */
	struct ct_profile folded; /* the same with threads folded (model/threads.h) */
	uint32_t *thread; /* by site: 1 + index in labels, 0 = its thread is not known */
	uint32_t *labels; /* frame ids, in the order of the threads' numbers */
	size_t label_count;
	uint32_t *site_of; /* by site of folded: one of its sites in profile */
};

/* 0, or < 0 when out of memory; call ct_split_fini in both cases. The original must outlive it. */
int ct_split_init(struct ct_split *split, const struct ct_profile *from, struct ct_error_text *error);
void ct_split_fini(struct ct_split *split);

#endif
