/* SPDX-License-Identifier: MIT */
/*
 * The call tree by function, from the root down or from the allocating function up. An array holds one path per site.
 * A *branch* is a run of that array: the paths that share the functions leading to it. Sorting a run by the next
 * function gives its children. So only viewed branches cost anything, and branches stay valid while others are opened.
 */
#ifndef CT_VIEW_BRANCH_H
#define CT_VIEW_BRANCH_H

#include "model/origin.h"
#include "view/view.h"

struct ct_branch_path {
	uint32_t site;
	uint32_t key; /* of the next function; 0 = the path ends here */
};

struct ct_branches {
	const struct ct_profile *profile;
	const uint32_t **frames; /* by site: ids of its frames; the sites themselves are large */
	uint32_t *leaves; /* by site: index of its leaf */
	uint32_t
		*ends; /* by site: the number of its frames, without the label of a thread unless that is to be shown */
	struct ct_branch_path *paths;
	size_t count;
	enum ct_column sort; /* order of children, largest first */
	bool bottom_up;
};

struct ct_branch {
	size_t start; /* index in paths */
	size_t end;
	uint32_t depth; /* number of frames up to and including this one */
	uint32_t key;
	struct ct_counters counters;
};

/* left_out: sites to skip, NULL = none. 0, or < 0 when out of memory; call ct_branches_fini in both cases. */
int ct_branches_init(struct ct_branches *branches, const struct ct_profile *profile, const struct ct_origins *origins,
		     const bool *left_out);
void ct_branches_fini(struct ct_branches *branches);

/* The branch's frame in one of its paths. Paths may have different frames, if a function calls from several lines. */
const struct ct_frame *ct_branch_frame(const struct ct_branches *branches, const struct ct_branch *branch, size_t path);

/* The children, largest first, to be freed; NULL when out of memory. Key 0 stands for the paths that end here. */
struct ct_branch *ct_branch_children(struct ct_branches *branches, const struct ct_branch *branch, size_t *count);

#endif
