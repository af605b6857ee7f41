/* SPDX-License-Identifier: MIT */
/*
 * Sites in the order of their stacks, root first, by a label that the caller gives each frame: stacks with the
 * same labels stand side by side, and the order is that of a walk through the call tree, so a tree is written
 * without one being built.
 */
#ifndef CT_WRITE_STACKS_H
#define CT_WRITE_STACKS_H

#include "model/metric.h"
#include "model/profile.h"

struct ct_stacks {
	const struct ct_profile *profile;
	const uint32_t *labels; /* by frame id */
	uint32_t *order; /* site indices, site_count of them */
};

/* 0, or < 0 without memory. Free with ct_stacks_fini, also then. */
int ct_stacks_init(struct ct_stacks *stacks, const struct ct_profile *profile, const uint32_t *labels);
void ct_stacks_fini(struct ct_stacks *stacks);

/* The frame id at a depth, 0 = root. */
static inline uint32_t ct_stack_frame(const struct ct_profile *profile, const struct ct_site_row *site, uint32_t depth)
{
	return profile->frame_ids[site->first_frame + site->frame_count - 1 - depth];
}

/* How many frames from the root on two sites share. */
uint32_t ct_stacks_common(const struct ct_stacks *stacks, const struct ct_site_row *a, const struct ct_site_row *b);

/*
 * The stacks one by one, equal ones added up, those that come to nothing left out:
 *	size_t at = 0;
 *	while ((site = ct_stacks_next(&stacks, &at, metric, &value)))
 * NULL: there are no more.
 */
const struct ct_site_row *ct_stacks_next(const struct ct_stacks *stacks, size_t *at, enum ct_metric metric,
					 uint64_t *value);

#endif
