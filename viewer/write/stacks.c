/* SPDX-License-Identifier: MIT */
#include "write/stacks.h"

#include <stdlib.h>

#include "util/progress.h"

uint32_t ct_stacks_common(const struct ct_stacks *stacks, const struct ct_site_row *a, const struct ct_site_row *b)
{
	const struct ct_profile *profile = stacks->profile;
	uint32_t most = a->frame_count < b->frame_count ? a->frame_count : b->frame_count, depth = 0;
	while (depth < most &&
	       stacks->labels[ct_stack_frame(profile, a, depth)] == stacks->labels[ct_stack_frame(profile, b, depth)])
		depth++;
	return depth;
}

static int compare_sites(const void *left, const void *right, void *argument)
{
	const struct ct_stacks *stacks = argument;
	const struct ct_profile *profile = stacks->profile;
	uint32_t x = *(const uint32_t *)left, y = *(const uint32_t *)right;
	const struct ct_site_row *a = &profile->sites[x], *b = &profile->sites[y];
	uint32_t depth = ct_stacks_common(stacks, a, b);
	if (depth < a->frame_count && depth < b->frame_count)
		return stacks->labels[ct_stack_frame(profile, a, depth)] <
				       stacks->labels[ct_stack_frame(profile, b, depth)]
			       ? -1
			       : 1;
	if (a->frame_count != b->frame_count)
		return a->frame_count < b->frame_count ? -1 : 1;
	return x < y ? -1 : x > y;
}

int ct_stacks_init(struct ct_stacks *stacks, const struct ct_profile *profile, const uint32_t *labels)
{
	*stacks = (struct ct_stacks){
		.profile = profile, .labels = labels, .order = calloc(profile->site_count + 1, sizeof(uint32_t))};
	if (!stacks->order)
		return -1;
	for (size_t i = 0; i < profile->site_count; i++)
		stacks->order[i] = (uint32_t)i;
	qsort_r(stacks->order, profile->site_count, sizeof(*stacks->order), compare_sites, stacks);
	return 0;
}

const struct ct_site_row *ct_stacks_next(const struct ct_stacks *stacks, size_t *at, enum ct_metric metric,
					 uint64_t *value)
{
	const struct ct_profile *profile = stacks->profile;
	const struct ct_site_row *site = NULL, *other;
	ct_progress_at(*at, profile->site_count);
	for (*value = 0; !*value && *at < profile->site_count;) {
		site = &profile->sites[stacks->order[(*at)++]];
		*value = ct_metric_value(&site->counters, metric);
		for (; *at < profile->site_count; ++*at) {
			other = &profile->sites[stacks->order[*at]];
			if (other->frame_count != site->frame_count ||
			    ct_stacks_common(stacks, site, other) != site->frame_count)
				break;
			*value += ct_metric_value(&other->counters, metric);
		}
	}
	return *value ? site : NULL;
}

void ct_stacks_fini(struct ct_stacks *stacks)
{
	free(stacks->order);
}
