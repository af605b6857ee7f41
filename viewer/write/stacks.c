/* SPDX-License-Identifier: MIT */
#include "write/stacks.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

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

/* A site while sorting; the rows themselves lie far apart in memory. */
struct sort_key {
	size_t first; /* its labels, root first; big-endian, so that memcmp compares them */
	uint32_t count, site;
};

static int compare_keys(const void *left, const void *right, void *argument)
{
	const uint32_t *labels = argument;
	const struct sort_key *a = left, *b = right;
	uint32_t both = a->count < b->count ? a->count : b->count;
	int order = memcmp(labels + a->first, labels + b->first, both * sizeof(*labels));
	if (order)
		return order;
	if (a->count != b->count)
		return a->count < b->count ? -1 : 1;
	return a->site < b->site ? -1 : a->site > b->site;
}

int ct_stacks_init(struct ct_stacks *stacks, const struct ct_profile *profile, const uint32_t *labels)
{
	*stacks = (struct ct_stacks){
		.profile = profile, .labels = labels, .order = calloc(profile->site_count + 1, sizeof(uint32_t))};
	struct sort_key *keys = calloc(profile->site_count + 1, sizeof(*keys));
	size_t total = 0, used = 0;
	for (size_t i = 0; i < profile->site_count; i++) /* in a diff, sites share their frames */
		total += profile->sites[i].frame_count;
	uint32_t *root_first = calloc(total + 1, sizeof(*root_first));
	bool ok = stacks->order && keys && root_first;
	for (size_t i = 0; i < profile->site_count && ok; i++) {
		const struct ct_site_row *site = &profile->sites[i];
		keys[i] = (struct sort_key){used, site->frame_count, (uint32_t)i};
		for (uint32_t depth = 0; depth < site->frame_count; depth++)
			root_first[used++] = htobe32(labels[ct_stack_frame(profile, site, depth)]);
	}
	if (ok)
		qsort_r(keys, profile->site_count, sizeof(*keys), compare_keys, root_first);
	for (size_t i = 0; i < profile->site_count && ok; i++)
		stacks->order[i] = keys[i].site;
	free(keys);
	free(root_first);
	return ok ? 0 : -1;
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
