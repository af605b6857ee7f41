/* SPDX-License-Identifier: MIT */
/*
 * Leak candidates: the sites with blocks that were live at the end. If the recording knows which of them the program
 * could still reach (CTRACE_REACH), sites whose blocks are all reachable are left out. Suppressions are
 * LeakSanitizer's: a line `leak:PATTERN` drops the sites with a frame whose function, file or module contains the
 * pattern. In a pattern, * stands for anything, ^ for the start and $ for the end.
 */
#ifndef CT_MODEL_LEAKS_H
#define CT_MODEL_LEAKS_H

#include "model/profile.h"
#include "util/error.h"

struct ct_suppression {
	char *pattern;
	uint64_t bytes; /* live at the end, in the sites that it drops */
	uint64_t blocks;
};

struct ct_leaks {
	struct ct_suppression *rules;
	size_t rule_count;
	size_t rule_room;
	struct ct_counters sums; /* without the suppressed sites */
	struct ct_counters suppressed;
	size_t site_count; /* the profile's, before ct_leaks_keep */
};

/* Add the rules in a suppression file. 0 or < 0. */
int ct_leaks_read_rules(struct ct_leaks *leaks, const char *path, struct ct_error_text *error);

/* Does a LeakSanitizer pattern match text? */
bool ct_leaks_match(const char *pattern, const char *text);

enum ct_leak { CT_LEAK_NONE, CT_LEAK_CANDIDATE, CT_LEAK_SUPPRESSED };

/*
 * Classify the profile's sites, as an enum ct_leak each. Sets leaks->sums, ->suppressed and what each rule drops. 0, or
 * < 0 when out of memory.
 */
int ct_leaks_find(struct ct_leaks *leaks, const struct ct_profile *profile, uint8_t *classes,
		  struct ct_error_text *error);

/*
 * Drop all sites that are not leak candidates. The profile keeps its totals and loses its snapshots. 0, or < 0 when
 * out of memory.
 */
int ct_leaks_keep(struct ct_leaks *leaks, struct ct_profile *profile, struct ct_error_text *error);

/* Is there any candidate, suppressed or not? */
bool ct_leaks_any(const struct ct_profile *profile);

#define CT_LEAKS_ROOM 1024

/*
 * Say what is definitely lost, and in which function of the program most of it: "lost 107 KiB in 917 blocks, most in
 * leak_token server.cpp:81". "" if nothing is, if reachability was not recorded, or when out of memory. Returns out.
 */
char *ct_leaks_summary(const struct ct_profile *profile, char out[CT_LEAKS_ROOM]);

void ct_leaks_fini(struct ct_leaks *leaks);

#endif
