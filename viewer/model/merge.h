/* SPDX-License-Identifier: MIT */
/*
 * Profiles of many processes or hosts added up into one. One input is looked at at a time and nothing of it is
 * kept, so memory grows with the distinct sites only.
 *
 * Frames are equal when their texts are, apart from the address: other hosts, other load addresses and code made
 * at run time come together. Code without a name in an object file is known by its address alone, and keeps it.
 * A frame whose address is the same wherever it stands keeps it too.
 *
 * Sums: totals, lifetimes, end, temporaries, resizes, losses. Upper bounds: a site's own maximum, and the peak,
 * both sums of what the processes had at different times. The peak's time is that of the input with the highest.
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
	uint32_t *ids; /* by frame id of the input at hand: frame id of the result, 0 = not met yet */
	size_t ids_room;
	uint32_t *stack;
	size_t stack_room;
};

/* 0 or < 0 without memory; ct_merge_fini in both cases. */
int ct_merge_init(struct ct_merge *merge, struct ct_error_text *error);
void ct_merge_fini(struct ct_merge *merge);

/* Add a profile, called name in errors. CT_ERR_USAGE: it does not fit to the first; the result is as before. */
int ct_merge_add(struct ct_merge *merge, const struct ct_profile *profile, const char *name,
		 struct ct_error_text *error);

/* All are in: command and frame texts get what they keep. 0 or < 0. */
int ct_merge_end(struct ct_merge *merge, struct ct_error_text *error);

/* The text of a frame behind its address, "0x1F: ". */
const char *ct_merge_text(const char *text);

#endif
