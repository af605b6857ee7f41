/* SPDX-License-Identifier: MIT */
/*
 * Sites sorted by their stacks, root first. The caller gives each frame a label, and stacks with the same labels are
 * adjacent. The order is that of a walk through the call tree, so a tree can be written without building one.
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

/* 0, or < 0 when out of memory; call ct_stacks_fini in both cases. */
int ct_stacks_init(struct ct_stacks *stacks, const struct ct_profile *profile, const uint32_t *labels);
void ct_stacks_fini(struct ct_stacks *stacks);

/* The frame id at a depth, 0 = root. */
static inline uint32_t ct_stack_frame(const struct ct_profile *profile, const struct ct_site_row *site, uint32_t depth)
{
	return profile->frame_ids[site->first_frame + site->frame_count - 1 - depth];
}

/* The number of frames that two sites share, counted from the root. */
uint32_t ct_stacks_common(const struct ct_stacks *stacks, const struct ct_site_row *a, const struct ct_site_row *b);

/*
 * Iterate over the stacks. Equal stacks are added up, and stacks with a sum of 0 are skipped:
 *	size_t at = 0;
 *	while ((site = ct_stacks_next(&stacks, &at, metric, &value)))
 * NULL: there are no more.
 */
const struct ct_site_row *ct_stacks_next(const struct ct_stacks *stacks, size_t *at, enum ct_metric metric,
					 uint64_t *value);

#endif
