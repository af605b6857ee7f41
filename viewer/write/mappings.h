/* SPDX-License-Identifier: MIT */
/*
 * Object files as ranges of run-time addresses, the program's own first. Where a profile does not know where
 * its modules were, a mapping begins at 0 and its addresses stay link-time ones.
 */
#ifndef CT_WRITE_MAPPINGS_H
#define CT_WRITE_MAPPINGS_H

#include <stdbool.h>

#include "model/profile.h"

struct ct_module_mapping {
	const char *path;
	const char *build_id; /* lower-case hex, "" = not known */
	uint64_t start, limit; /* whole pages; all addresses of its frames are inside */
	uint64_t bias; /* to add to its frames' addresses */
	bool placed; /* the profile knows where it was */
	bool has_files; /* some of its frames have file and line */
};

struct ct_mappings {
	struct ct_module_mapping *rows;
	size_t count; /* at least 1 */
	uint32_t *of_module; /* index in rows plus 1, by the string id of its path; 0 = none */
	char *program;
};

/* 0, or < 0 without memory. Free with ct_mappings_fini, also then. */
int ct_mappings_init(struct ct_mappings *mappings, const struct ct_profile *profile);
void ct_mappings_fini(struct ct_mappings *mappings);

#endif
