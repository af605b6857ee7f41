/* SPDX-License-Identifier: MIT */
/*
 * Writes source for the page: where the files of functions are, and the lines around the program's own frames. Source
 * files are untrusted: their lines are made clean UTF-8 and are bounded in number and length. So are their names, which
 * are the recording's: only files with an extension of source code are read, so that a stranger's recording cannot put
 * a key or a password into a page that is passed on.
 */
#ifndef CT_WRITE_PUT_SOURCE_H
#define CT_WRITE_PUT_SOURCE_H

#include <stdio.h>

#include "model/functions.h"
#include "model/origin.h"

/* What was embedded. */
struct ct_source_sum {
	size_t files, lines;
	size_t missing; /* files that were not found */
	size_t other; /* files that are not source code by their names */
	size_t left; /* lines of frames that were left out, since they were too many */
};

/*
 * Write the member "paths", after a comma: for texts that are files, where they are now. text_of: by string id. 0, or <
 * 0 when out of memory.
 */
int ct_put_paths(const struct ct_profile *profile, const struct ct_functions *functions, const uint32_t *text_of,
		 const char *folders, FILE *out);

/*
 * Write the member "source", after a comma: the lines around each own frame, those of the largest sites first, and set
 * the sum. 0, or < 0 when out of memory.
 */
int ct_put_source(const struct ct_profile *profile, const struct ct_origins *origins, const uint32_t *text_of,
		  const char *folders, struct ct_source_sum *sum, FILE *out);

#endif
