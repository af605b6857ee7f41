/* SPDX-License-Identifier: MIT */
/*
 * The numbers, grouped by what frames have in common. A group's *self* counters are what its frames allocate
 * themselves, not counting allocator functions. Its *cumulative* counters are everything allocated while one of its
 * frames was on the stack. A group that occurs several times in a stack (recursion) counts the site once. Maxima do
 * not add up and are 0.
 */
#ifndef CT_MODEL_GROUPS_H
#define CT_MODEL_GROUPS_H

#include "model/origin.h"
#include "model/profile.h"
#include "util/error.h"

enum ct_group_by {
	CT_BY_SITE, /* no groups: the sites as they are */
	CT_BY_FUNCTION, /* the name; unnamed code: the module */
	CT_BY_FILE, /* the source file; if unknown, the module */
	CT_BY_LINE, /* the source line; if unknown, the function */
	CT_BY_MODULE,
	CT_BY_THREAD, /* the label at the root, "[thread 1 main]"; only in recordings that were split by thread */
	CT_BY_TAG, /* the tag at the root, "[tag checkout]"; only if the program sets tags */
	CT_BY_COUNT,
};

struct ct_group {
	struct ct_counters self;
	struct ct_counters cumulative;
	uint32_t example; /* id of one of its frames; 0: the group of stacks without a thread's label, or a tag */
	uint32_t key; /* for functions, modules and threads: does not change as the profile grows */
	uint32_t seen; /* number of the latest site that was counted, from 1 */
};

struct ct_groups {
	struct ct_group *rows;
	size_t count;
	uint32_t *of_frame; /* index in rows, by frame id */
	struct ct_origins origins;
};

/* The name of a grouping, "function"; NULL after the last. */
const char *ct_group_by_name(enum ct_group_by by);

/* Are its groups labels at the root of stacks, which have no callees of their own? */
bool ct_group_by_label(enum ct_group_by by);

/* Sort the frames into groups; all counters are 0. 0 or < 0; call ct_groups_fini in both cases. */
int ct_groups_init(struct ct_groups *groups, const struct ct_profile *profile, enum ct_group_by by,
		   struct ct_error_text *error);

/*
 * Count the sites into their groups (not for CT_BY_SITE). left_out flags the sites to skip; NULL: skip none.
 * with_allocators: allocator functions get cumulative counters too.
 */
void ct_groups_count(struct ct_groups *groups, const struct ct_profile *profile, enum ct_group_by by,
		     const bool *left_out, bool with_allocators);

void ct_groups_fini(struct ct_groups *groups);

#endif
