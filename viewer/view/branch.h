/* SPDX-License-Identifier: MIT */
/*
 * The call tree by function, from the root down or from the allocating function up. A *branch* is a run of the array
 * of paths, one a site: those that share the way to it. Its children come from sorting that run by the next
 * function, so only branches that are looked at cost anything, and branches stay valid while others are opened.
 */
#ifndef CT_VIEW_BRANCH_H
#define CT_VIEW_BRANCH_H

#include "view/view.h"

struct ct_branch_path {
	uint32_t site;
	uint32_t key; /* of the next function, 0 = the path ends here */
};

struct ct_branches {
	const struct ct_profile *profile;
	uint32_t *leaves; /* by site: index of its leaf */
	struct ct_branch_path *paths;
	size_t count;
	enum ct_column sort; /* of children, largest first */
	bool bottom_up;
};

struct ct_branch {
	size_t start; /* in paths */
	size_t end;
	uint32_t depth; /* frames on the way to here, this one included */
	uint32_t key;
	struct ct_counters counters;
};

/* left_out: by site, NULL = none is. 0, or < 0 without memory; ct_branches_fini in both cases. */
int ct_branches_init(struct ct_branches *branches, const struct ct_profile *profile, const bool *allocators,
		     const bool *left_out);
void ct_branches_fini(struct ct_branches *branches);

/* The branch's frame in one of its paths; there are several where a function calls from several lines. */
const struct ct_frame *ct_branch_frame(const struct ct_branches *branches, const struct ct_branch *branch, size_t path);

/* The branch's children, largest first; free() them. NULL without memory. One with key 0 is what ends at the branch. */
struct ct_branch *ct_branch_children(struct ct_branches *branches, const struct ct_branch *branch, size_t *count);

#endif
