/* SPDX-License-Identifier: MIT */
/* What was allocated under each tag of a program (ctrace_tag_push), from its store and without names of functions. */
#ifndef CT_SERVE_TAGS_H
#define CT_SERVE_TAGS_H

#include "load/store/store_file.h"

#define CT_TOP_TAGS_MAX 100 /* of a process */

struct ct_tag_sum {
	char *name; /* clean UTF-8, without brackets */
	uint64_t live_bytes, total_bytes;
};

/* The tags with most live bytes, then with most bytes in total, the largest first. */
struct ct_tag_sums {
	struct ct_tag_sum top[CT_TOP_TAGS_MAX];
	size_t count; /* also 0 when out of memory */
};

/* The store was read again. */
void ct_tag_sums_read(struct ct_tag_sums *sums, const struct ct_store_file *store);
void ct_tag_sums_fini(struct ct_tag_sums *sums);

#endif
