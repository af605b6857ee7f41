/* SPDX-License-Identifier: MIT */
#include "write/gather.h"

#include <stdlib.h>

#define AT_ONCE 8 /* metrics of one pass: a line of the processor's cache */

int ct_gather_init(struct ct_gather *gather, const struct ct_profile *profile, const struct ct_stacks *stacks,
		   const struct ct_origins *origins)
{
	size_t count = profile->site_count;
	struct place {
		uint32_t leaf, own;
	} *places = calloc(count + 1, sizeof(*places)); /* found in the order of the sites */
	*gather = (struct ct_gather){.profile = profile,
				     .stacks = stacks,
				     .rows = calloc(count + 1, sizeof(*gather->rows)),
				     .values = calloc(AT_ONCE * count + 1, sizeof(*gather->values))};
	bool memory = places && gather->rows && gather->values;
	for (size_t i = 0; i < count && memory; i++)
		places[i] = (struct place){ct_origin_leaf(profile, origins, &profile->sites[i]),
					   ct_origin_own(profile, origins, &profile->sites[i])};
	const struct ct_site_row *previous = NULL;
	for (size_t i = 0; i < count && memory; i++) {
		const struct ct_site_row *site = &profile->sites[stacks->order[i]];
		gather->rows[i] =
			(struct ct_gathered){.frames = profile->frame_ids + site->first_frame,
					     .count = site->frame_count,
					     .common = previous ? ct_stacks_common(stacks, previous, site) : 0,
					     .leaf = places[stacks->order[i]].leaf,
					     .own = places[stacks->order[i]].own,
					     .truncated = site->truncated};
		previous = site;
	}
	free(places);
	return memory ? 0 : -1;
}

void ct_gather_fini(struct ct_gather *gather)
{
	free(gather->rows);
	free(gather->values);
}

const uint64_t *ct_gather_values(const struct ct_gather *gather, enum ct_metric metric)
{
	size_t count = gather->profile->site_count, at = (size_t)(metric - 1) % AT_ONCE;
	for (size_t i = 0; i < count && !at; i++) {
		const struct ct_counters *counters = &gather->profile->sites[gather->stacks->order[i]].counters;
		for (size_t j = 0; j < AT_ONCE && metric + j < CT_COUNTER_COUNT; j++)
			gather->values[j * count + i] = ct_metric_value(counters, (enum ct_metric)(metric + j));
	}
	return gather->values + at * count;
}
