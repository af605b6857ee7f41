/* SPDX-License-Identifier: MIT */
#include "view/branch.h"

#include <stdlib.h>

#include "model/threads.h"
#include "names/names.h"

int ct_branches_init(struct ct_branches *branches, const struct ct_profile *profile, const struct ct_origins *origins,
		     const bool *left_out)
{
	size_t sites = profile->site_count;
	*branches = (struct ct_branches){
		.profile = profile,
		.frames = calloc(sites + 1, sizeof(*branches->frames)),
		.leaves = calloc(sites + 1, sizeof(*branches->leaves)),
		.ends = calloc(sites + 1, sizeof(*branches->ends)),
		.paths = calloc(sites + 1, sizeof(*branches->paths)),
	};
	if (!branches->frames || !branches->leaves || !branches->ends || !branches->paths)
		return -1;
	for (size_t i = 0; i < sites; i++) {
		branches->frames[i] = profile->frame_ids + profile->sites[i].first_frame;
		branches->leaves[i] = ct_origin_leaf(profile, origins, &profile->sites[i]);
		branches->ends[i] = profile->sites[i].frame_count;
		if (profile->has_threads && !origins->split_threads && branches->ends[i] > branches->leaves[i] + 1 &&
		    ct_thread_of_site(profile, &profile->sites[i]))
			branches->ends[i]--;
		if (!left_out || !left_out[i])
			branches->paths[branches->count++].site = (uint32_t)i;
	}
	return 0;
}

void ct_branches_fini(struct ct_branches *branches)
{
	free(branches->frames);
	free(branches->leaves);
	free(branches->ends);
	free(branches->paths);
}

/* The frame at a depth; NULL after the end of the path. */
static const struct ct_frame *frame_at(const struct ct_branches *branches, uint32_t site_index, uint32_t depth)
{
	const struct ct_profile *profile = branches->profile;
	uint32_t leaf = branches->leaves[site_index];
	uint32_t end = branches->ends[site_index];
	if (depth >= end - leaf)
		return NULL;
	depth = branches->bottom_up ? leaf + depth : end - 1 - depth;
	return &profile->frames[branches->frames[site_index][depth]];
}

const struct ct_frame *ct_branch_frame(const struct ct_branches *branches, const struct ct_branch *branch, size_t path)
{
	return frame_at(branches, branches->paths[path].site, branch->depth - 1);
}

static int compare_paths(const void *a, const void *b)
{
	const struct ct_branch_path *first = a, *second = b;
	if (first->key != second->key)
		return first->key < second->key ? -1 : 1;
	return first->site < second->site ? -1 : first->site > second->site;
}

static int compare_branches(const void *a, const void *b, void *context)
{
	const struct ct_branches *branches = context;
	const struct ct_branch *first = a, *second = b;
	double x = ct_column_value(&first->counters, branches->sort);
	double y = ct_column_value(&second->counters, branches->sort);
	if (x != y)
		return x < y ? 1 : -1;
	return first->start < second->start ? -1 : 1;
}

/* Sort the branch's run by the next function. Returns the number of different functions. */
static size_t sort_paths(struct ct_branches *branches, const struct ct_branch *branch)
{
	struct ct_branch_path *paths = branches->paths + branch->start;
	size_t count = branch->end - branch->start, kinds = 1;
	for (size_t i = 0; i < count; i++) {
		const struct ct_frame *frame = frame_at(branches, paths[i].site, branch->depth);

		paths[i].key = frame ? ct_name_key(frame) : 0;
		kinds += i > 0 && paths[i].key != paths[i - 1].key;
	}
	if (kinds == 1)
		return 1;
	qsort(paths, count, sizeof(*paths), compare_paths);
	kinds = 1;
	for (size_t i = 1; i < count; i++)
		kinds += paths[i].key != paths[i - 1].key;
	return kinds;
}

struct ct_branch *ct_branch_children(struct ct_branches *branches, const struct ct_branch *branch, size_t *count)
{
	size_t kinds = sort_paths(branches, branch);
	struct ct_branch *children = calloc(kinds, sizeof(*children));
	struct ct_branch *child = children;
	/* an only child has its parent's numbers, except that the root's may be those of more than the paths */
	bool whole = kinds == 1 && branch->depth;
	if (!children)
		return NULL;
	if (whole)
		child->counters = branch->counters;
	for (size_t i = branch->start; i < branch->end; i++) {
		const struct ct_branch_path *path = &branches->paths[i];

		if (i == branch->start || path->key != child->key) {
			child += i > branch->start;
			child->start = i;
			child->depth = branch->depth + 1;
			child->key = path->key;
		}
		child->end = i + 1;
		if (!whole)
			ct_counters_add(&child->counters, &branches->profile->sites[path->site].counters);
	}
	qsort_r(children, kinds, sizeof(*children), compare_branches, branches);
	*count = kinds;
	return children;
}
