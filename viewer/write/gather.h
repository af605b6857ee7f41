/* SPDX-License-Identifier: MIT */
/*
 * The sites of a page in the order of their stacks. Sites are large and lie far apart in that order, so what the lists
 * of the page need of them is gathered in few passes, and then lies side by side.
 */
#ifndef CT_WRITE_GATHER_H
#define CT_WRITE_GATHER_H

#include "model/metric.h"
#include "model/origin.h"
#include "write/stacks.h"

/* A site's stack. */
struct ct_gathered {
	const uint32_t *frames; /* leaf first */
	uint32_t count;
	uint32_t common; /* the number of frames that it shares with the previous one, from the root */
	uint32_t leaf, own; /* the indices of its leaf and its own frame */
	bool truncated;
};

struct ct_gather {
	const struct ct_profile *profile;
	const struct ct_stacks *stacks;
	struct ct_gathered *rows; /* in the order of the stacks */
	uint64_t *values;
};

/* Gather the stacks. 0, or < 0 when out of memory; call ct_gather_fini in both cases. */
int ct_gather_init(struct ct_gather *gather, const struct ct_profile *profile, const struct ct_stacks *stacks,
		   const struct ct_origins *origins);
void ct_gather_fini(struct ct_gather *gather);

/* The numbers of a metric, in the order of the stacks. Ask for all metrics in their order, from 1 on. */
const uint64_t *ct_gather_values(const struct ct_gather *gather, enum ct_metric metric);

#endif
