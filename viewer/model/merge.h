/* SPDX-License-Identifier: MIT */
/*
 * Profiles of many processes or hosts, added up into one. Inputs are read one at a time and not kept, so memory grows
 * only with the number of distinct sites.
 *
 * Frames are equal if their texts are, not counting the address. This merges frames from different hosts, different
 * load addresses and code made at run time. Unnamed code in an object file is known only by its address, so its
 * address counts and is kept. Another frame keeps its address if all inputs agree on it.
 *
 * Totals, lifetimes, end, temporaries, resizes and losses are exact sums. A site's own maximum and the peak are upper
 * bounds: they sum up values that the processes had at different times. The peak's time is that of the input with the
 * highest peak.
 */
#ifndef CT_MODEL_MERGE_H
#define CT_MODEL_MERGE_H

#include "model/profile.h"
#include "util/error.h"

struct ct_merge {
	struct ct_profile *profile; /* the result; take it after ct_merge_end */
	size_t inputs;
	char *first; /* name of the first input */
	uint64_t highest_peak;
	bool commands_differ;
	uint32_t *ids; /* by frame id of the current input: frame id in the result, 0 = not added yet */
	size_t ids_room;
	uint32_t *stack;
	size_t stack_room;
};

/* 0, or < 0 when out of memory; call ct_merge_fini in both cases. */
int ct_merge_init(struct ct_merge *merge, struct ct_error_text *error);
void ct_merge_fini(struct ct_merge *merge);

/* Add a profile, called name in errors. CT_ERR_USAGE: it is of another kind than the first; nothing changes. */
int ct_merge_add(struct ct_merge *merge, const struct ct_profile *profile, const char *name,
		 struct ct_error_text *error);

/* Finish after the last input: set the command, and put kept addresses back into frame texts. 0 or < 0. */
int ct_merge_end(struct ct_merge *merge, struct ct_error_text *error);

/* The text of a frame after its address, "0x1F: ". */
const char *ct_merge_text(const char *text);

#endif
