/* SPDX-License-Identifier: MIT */
/*
 * Which files are meant: words of a command line that name files, folders and patterns become a list of paths.
 * Of a folder those that are stores or DHAT JSON by their first bytes, in order of their names; broken ones with
 * such a name too, since a damaged report must not go unnoticed. Of a pattern all but JSON of other formats.
 */
#ifndef CT_CMD_INPUTS_H
#define CT_CMD_INPUTS_H

#include <stddef.h>

#include "util/error.h"

struct ct_inputs {
	char **paths;
	size_t count;
	size_t room;
};

/* output: the file to be written, which a folder may hold from last time; it is left out there. 0 or < 0. */
int ct_inputs_add(struct ct_inputs *inputs, const char *word, const char *output, struct ct_error_text *error);

/* A store that was kept beside its report says the same again: leave it out. Returns how many were, or < 0. */
int ct_inputs_drop_stores(struct ct_inputs *inputs, struct ct_error_text *error);

void ct_inputs_fini(struct ct_inputs *inputs);

#endif
