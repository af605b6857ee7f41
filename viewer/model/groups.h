/* SPDX-License-Identifier: MIT */
/*
 * The numbers by what frames have in common. *self* of a group is what its frames allocate themselves, allocator
 * functions skipped; *cumulative* is everything allocated while one of them was on the stack, where a group that
 * stands in a stack several times (recursion) counts the site once. Max does not add up and is 0.
 */
#ifndef CT_MODEL_GROUPS_H
#define CT_MODEL_GROUPS_H

#include "model/profile.h"
#include "util/error.h"

enum ct_group_by {
	CT_BY_SITE, /* no groups: the sites as they are */
	CT_BY_FUNCTION, /* of one name, or without a name in one module */
	CT_BY_FILE, /* of source; without it the module */
	CT_BY_LINE, /* of source; without it the function */
	CT_BY_MODULE,
	CT_BY_THREAD, /* by the mark at the root, "[thread 1 main]": of recordings that were split by threads */
	CT_BY_COUNT,
};

struct ct_group {
	struct ct_counters self;
	struct ct_counters cumulative;
	uint32_t example; /* a frame id of it; 0: the stacks that have no mark of a thread */
	uint32_t key; /* of functions, modules and threads: stays when the profile grows */
	uint32_t seen; /* number of the last site that counted, from 1 */
};

struct ct_groups {
	struct ct_group *rows;
	size_t count;
	uint32_t *of_frame; /* index in rows, by frame id */
	bool *allocators; /* by frame id */
};

/* "function"; NULL behind the last. */
const char *ct_group_by_name(enum ct_group_by by);

/* The text of a mark, "[thread 1 main]"; NULL: the frame is none. */
const char *ct_group_thread(const struct ct_profile *profile, const struct ct_frame *frame);

/* Was it recorded with CTRACE_THREADS? */
bool ct_groups_have_threads(const struct ct_profile *profile);

/* Sort the frames into groups; numbers stay 0. 0 or < 0; ct_groups_fini in both cases. */
int ct_groups_init(struct ct_groups *groups, const struct ct_profile *profile, enum ct_group_by by,
		   struct ct_error_text *error);

/*
 * The numbers of the sites; left_out: by site, NULL = none is. with_allocators: their functions have cumulative
 * numbers, too. Not by site.
 */
void ct_groups_count(struct ct_groups *groups, const struct ct_profile *profile, enum ct_group_by by,
		     const bool *left_out, bool with_allocators);

void ct_groups_fini(struct ct_groups *groups);

#endif
