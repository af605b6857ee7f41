/* SPDX-License-Identifier: MIT */
/*
 * The totals of a file, for a list of files: without symbols, and of a report without its stacks. They are read a
 * hundred times as fast as a profile, but a damaged report is not noticed.
 */
#ifndef CT_LOAD_BRIEF_H
#define CT_LOAD_BRIEF_H

#include <stdbool.h>

#include "model/together.h"

struct ct_brief {
	uint64_t total_bytes, total_blocks, peak_bytes, end_bytes;
	struct ct_life life; /* in ns since 1970; without steps if the file does not know it */
	bool heap; /* false: the file counts something else, such as the program's own events */
	bool known; /* false: the file cannot be read, or holds nothing of this kind */
};

void ct_brief_read(const char *path, struct ct_brief *brief);
void ct_brief_fini(struct ct_brief *brief);

#endif
