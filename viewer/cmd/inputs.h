/* SPDX-License-Identifier: MIT */
/*
 * Turns words of the command line, which name files, folders and patterns, into a list of paths. A folder stands for
 * its files that are stores or DHAT JSON by their first bytes, compressed or not, sorted by name; if it has none, for
 * those in the folders inside it. Broken files with
 * such a name are included, since a damaged report must not go unnoticed. A pattern stands for all files but JSON of
 * other formats. processes.json of a recording's folder is left out, however it is named.
 */
#ifndef CT_CMD_INPUTS_H
#define CT_CMD_INPUTS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

struct ct_inputs {
	char **paths;
	size_t count;
	size_t room;
};

/* Does a command read this file, by its first bytes, or if these say nothing, by its name? */
bool ct_inputs_fits(const char *path);

/* Add what is in this folder itself. 0, CT_ERR_USAGE if there is nothing, or < 0. */
int ct_inputs_add_folder(struct ct_inputs *inputs, const char *folder, struct ct_error_text *error);

/* Add a word. output is the file to be written; if a folder has it from last time, it is left out. 0 or < 0. */
int ct_inputs_add(struct ct_inputs *inputs, const char *word, const char *output, struct ct_error_text *error);

/*
 * Drop what has the data of another input: stores next to their report, and compressed reports next to the plain ones.
 * Returns their number, or < 0.
 */
int ct_inputs_drop_twins(struct ct_inputs *inputs, struct ct_error_text *error);

void ct_inputs_fini(struct ct_inputs *inputs);

#endif
