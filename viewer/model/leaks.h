/* SPDX-License-Identifier: MIT */
/*
 * Leak candidates: the sites with blocks that were live at the end, and where that was recorded (CTRACE_REACH), only
 * those with blocks that the program could not reach for certain. Suppressions are LeakSanitizer's: a line
 * `leak:PATTERN` takes out the sites with a frame whose function, file or module has the pattern in it, where * stands
 * for anything, ^ for the begin and $ for the end.
 */
#ifndef CT_MODEL_LEAKS_H
#define CT_MODEL_LEAKS_H

#include "model/profile.h"
#include "util/error.h"

struct ct_suppression {
	char *pattern;
	uint64_t bytes; /* live at the end, of the sites that it takes out */
	uint64_t blocks;
};

struct ct_leaks {
	struct ct_suppression *rules;
	size_t rule_count;
	size_t rule_room;
	struct ct_counters sums; /* without what is suppressed */
	struct ct_counters suppressed;
	size_t site_count; /* of the profile, before */
};

/* Add the rules of a file. 0 or < 0. */
int ct_leaks_read_rules(struct ct_leaks *leaks, const char *path, struct ct_error_text *error);

/* Does LeakSanitizer's pattern match? */
bool ct_leaks_match(const char *pattern, const char *text);

/* Leave nothing but leak candidates in the profile; its totals stay, and its snapshots go. 0, or < 0 without memory. */
int ct_leaks_keep(struct ct_leaks *leaks, struct ct_profile *profile, struct ct_error_text *error);

void ct_leaks_fini(struct ct_leaks *leaks);

#endif
