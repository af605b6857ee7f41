/* SPDX-License-Identifier: MIT */
/*
 * Object files as ranges of run-time addresses; the program's own file is the first. If a profile does not know where
 * its modules were loaded, a mapping starts at 0 and keeps link-time addresses.
 */
#ifndef CT_WRITE_MAPPINGS_H
#define CT_WRITE_MAPPINGS_H

#include <stdbool.h>

#include "model/profile.h"

struct ct_module_mapping {
	const char *path;
	const char *build_id; /* lower-case hex, "" = not known */
	uint64_t start, limit; /* whole pages; all addresses of its frames are inside */
	uint64_t bias; /* to be added to the addresses of its frames */
	bool placed; /* the profile knows where it was loaded */
	bool has_files; /* some of its frames have a file and line */
};

struct ct_mappings {
	struct ct_module_mapping *rows;
	size_t count; /* at least 1 */
	uint32_t *of_module; /* by string id of its path: 1 + index in rows; 0 = none */
	char *program;
};

/* 0, or < 0 when out of memory; call ct_mappings_fini in both cases. */
int ct_mappings_init(struct ct_mappings *mappings, const struct ct_profile *profile);
void ct_mappings_fini(struct ct_mappings *mappings);

#endif
