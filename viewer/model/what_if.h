/* SPDX-License-Identifier: MIT */
/*
 * What the blocks of the peak would take with other allocators, and where a slightly smaller size would take less: a
 * size just above a size class wastes most of the next one. Only size classes are compared (model/size_class.h), not
 * pages, caches and arenas.
 */
#ifndef CT_MODEL_WHAT_IF_H
#define CT_MODEL_WHAT_IF_H

#include "model/origin.h"
#include "model/profile.h"
#include "model/size_class.h"
#include "util/error.h"

/* One function whose blocks have a size just above a class. */
struct ct_smaller_size {
	uint32_t site; /* the site with most of these blocks */
	uint32_t frame; /* the function: index into the frames of that site */
	size_t site_count;
	uint64_t bytes; /* the size */
	uint64_t smaller; /* the one to try */
	uint64_t blocks; /* of this size at the peak */
	uint64_t saved[CT_ALLOCATORS]; /* bytes at the peak */
	uint64_t most; /* the largest of these */
};

struct ct_what_if {
	double taken[CT_ALLOCATORS]; /* bytes at the peak, slack included */
	uint64_t estimated_bytes; /* of the peak: their sizes are known only roughly */
	double recorded_slack; /* that the recorded program's allocator added, without headers; < 0: not known */
	struct ct_smaller_size *rows; /* the largest saving first */
	size_t count;
	struct ct_origins origins; /* of the profile's frames */
};

/* 0 or < 0; call ct_what_if_fini in both cases. CT_ERR_USAGE: the profile does not know its peak. */
int ct_what_if(const struct ct_profile *profile, struct ct_what_if *what_if, struct ct_error_text *error);
void ct_what_if_fini(struct ct_what_if *what_if);

#endif
