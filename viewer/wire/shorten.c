/* SPDX-License-Identifier: MIT */
/*
 * Sites are sorted by their stacks, root first, so that the sites below each node of the call tree are next to each
 * other. A sweep over them closes the nodes from the leaves to the roots: a node that is worth less than the limit
 * gives its numbers to the next node above it that branches. The smallest limit that leaves few enough rows is found by
 * halving. A sweep takes time linear in the number of sites, whatever the depth of the stacks.
 */
#include "wire/shorten.h"

#include <stdlib.h>
#include <string.h>

struct sweep {
	const struct ct_profile *profile;
	uint32_t *order; /* sites that are not left out, sorted by their stacks */
	uint32_t *common; /* by index in order: number of frames shared with the previous site, from the root */
	uint64_t *worth; /* by index in order */
	size_t count;
	struct node *open; /* the nodes above the latest site, root first */
	size_t depth; /* how many nodes can be open: one for each frame of a stack, and at most one for each site */
	struct ct_counters *counters; /* of the open nodes; NULL: rows are only counted */
	struct ct_short_sites *sites;
};

struct node {
	uint64_t worth;
	uint32_t depth; /* number of frames; 0: above all roots */
	uint32_t site; /* one of the sites below it */
	size_t sites; /* whose numbers it has */
	bool whole; /* one of them has just this stack */
};

/* The frame at a depth below the root. */
static uint32_t frame_at(const struct ct_profile *profile, const struct ct_site_row *site, uint32_t depth)
{
	return profile->frame_ids[site->first_frame + site->frame_count - 1 - depth];
}

static uint32_t shared(const struct ct_profile *profile, const struct ct_site_row *a, const struct ct_site_row *b)
{
	uint32_t depth = 0;
	while (depth < a->frame_count && depth < b->frame_count &&
	       frame_at(profile, a, depth) == frame_at(profile, b, depth))
		depth++;
	return depth;
}

static int compare(const void *left, const void *right, void *argument)
{
	const struct ct_profile *profile = argument;
	const struct ct_site_row *a = &profile->sites[*(const uint32_t *)left];
	const struct ct_site_row *b = &profile->sites[*(const uint32_t *)right];
	uint32_t depth = shared(profile, a, b);
	if (depth < a->frame_count && depth < b->frame_count)
		return frame_at(profile, a, depth) < frame_at(profile, b, depth) ? -1 : 1;
	return a->frame_count < b->frame_count ? -1 : a->frame_count > b->frame_count;
}

static void clear(struct sweep *sweep, size_t index)
{
	struct node *node = &sweep->open[index];
	node->worth = node->sites = 0;
	node->whole = false;
	if (sweep->counters)
		memset(&sweep->counters[index], 0, sizeof(sweep->counters[index]));
}

static void add(struct sweep *sweep, size_t index, uint64_t worth, size_t sites, const struct ct_counters *counters)
{
	sweep->open[index].worth += worth;
	sweep->open[index].sites += sites;
	if (sweep->counters)
		ct_counters_add(&sweep->counters[index], counters);
}

/* The open node becomes a row. */
static void put_row(struct sweep *sweep, size_t index)
{
	const struct node *node = &sweep->open[index];
	struct ct_short_sites *sites = sweep->sites;
	if (sites->rows) {
		const struct ct_site_row *site = &sweep->profile->sites[node->site];
		sites->rows[sites->count] = (struct ct_site_row){
			.counters = sweep->counters[index],
			.first_frame = site->first_frame + site->frame_count - node->depth,
			.frame_count = node->depth,
			.truncated = site->truncated,
		};
	}
	sites->count++;
	sites->shortened += node->sites - node->whole;
	clear(sweep, index);
}

/* Close the open nodes that are deeper than `common`. Returns the innermost node that is open then. */
static size_t close_nodes(struct sweep *sweep, size_t top, uint32_t common, uint64_t limit)
{
	while (sweep->open[top].depth > common) {
		struct node *node = &sweep->open[top];
		if (node->worth >= limit)
			put_row(sweep, top);
		if (node[-1].depth < common) { /* the tree branches there */
			node->depth = common;
			node->whole = false;
		} else {
			add(sweep, top - 1, node->worth, node->sites, sweep->counters ? &sweep->counters[top] : NULL);
			top--;
		}
	}
	return top;
}

/* Make the rows that are worth `limit` or more, and one of what is left. Without sites->rows, only count them. */
static void sweep_all(struct sweep *sweep, uint64_t limit)
{
	size_t top = 0;
	sweep->sites->count = sweep->sites->shortened = 0;
	sweep->open[0] = (struct node){.site = sweep->order[0]};
	clear(sweep, 0);
	for (size_t i = 0; i < sweep->count; i++) {
		uint32_t index = sweep->order[i];
		const struct ct_site_row *site = &sweep->profile->sites[index];
		top = close_nodes(sweep, top, sweep->common[i], limit);
		if (sweep->open[top].depth < site->frame_count) {
			sweep->open[++top] = (struct node){.site = index, .depth = site->frame_count};
			clear(sweep, top);
		}
		add(sweep, top, sweep->worth[i], 1, &site->counters);
		sweep->open[top].whole = true;
	}
	close_nodes(sweep, top, 0, limit);
	if (sweep->open[0].sites)
		put_row(sweep, 0);
}

/* The smallest limit that leaves at most `most` rows. */
static uint64_t find_limit(struct sweep *sweep, size_t most)
{
	uint64_t low = 1, high = 1;
	sweep_all(sweep, low);
	if (sweep->sites->count <= most)
		return low;
	for (size_t i = 0; i < sweep->count; i++)
		if (__builtin_add_overflow(high, sweep->worth[i], &high))
			high = UINT64_MAX;
	/* No row is worth so much, so that leaves one. */
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		sweep_all(sweep, middle);
		if (sweep->sites->count <= most)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static bool init(struct sweep *sweep, ct_site_worth *worth, const void *argument)
{
	const struct ct_profile *profile = sweep->profile;
	sweep->order = calloc(profile->site_count + 1, sizeof(*sweep->order));
	sweep->common = calloc(profile->site_count + 1, sizeof(*sweep->common));
	sweep->worth = calloc(profile->site_count + 1, sizeof(*sweep->worth));
	sweep->open = calloc(sweep->depth, sizeof(*sweep->open));
	if (!sweep->order || !sweep->common || !sweep->worth || !sweep->open)
		return false;
	for (size_t i = 0; i < profile->site_count; i++)
		if (worth(&profile->sites[i].counters, argument))
			sweep->order[sweep->count++] = (uint32_t)i;
	qsort_r(sweep->order, sweep->count, sizeof(*sweep->order), compare, (void *)profile);
	for (size_t i = 0; i < sweep->count; i++) {
		const struct ct_site_row *site = &profile->sites[sweep->order[i]];
		sweep->worth[i] = worth(&site->counters, argument);
		sweep->common[i] = i ? shared(profile, &profile->sites[sweep->order[i - 1]], site) : 0;
	}
	return true;
}

int ct_shorten_sites(const struct ct_profile *profile, ct_site_worth *worth, const void *argument, size_t most,
		     struct ct_short_sites *sites)
{
	size_t longest = ct_profile_longest_stack(profile);
	struct sweep sweep = {
		.profile = profile,
		.sites = sites,
		.depth = 1 + (longest < profile->site_count ? longest : profile->site_count),
	};
	*sites = (struct ct_short_sites){0};
	bool memory = init(&sweep, worth, argument);
	if (memory && sweep.count) {
		uint64_t limit = find_limit(&sweep, most);
		sweep_all(&sweep, limit);
		sites->rows = calloc(sites->count, sizeof(*sites->rows));
		sweep.counters = calloc(sweep.depth, sizeof(*sweep.counters));
		memory = sites->rows && sweep.counters;
		if (memory)
			sweep_all(&sweep, limit);
	}
	free(sweep.order);
	free(sweep.common);
	free(sweep.worth);
	free(sweep.open);
	free(sweep.counters);
	return memory ? 0 : -1;
}
