/* SPDX-License-Identifier: MIT */
/*
 * Suggestions for improving a program, drawn from its profile. A *finding* has one kind and is about one function, that
 * of the own frame (model/origin.h). It covers all sites of that
 * function that are of its kind. Findings below the thresholds in ctrace-advise(1) are left out. The numbers are the
 * evidence; savings are upper bounds.
 */
#ifndef CT_MODEL_ADVISE_H
#define CT_MODEL_ADVISE_H

#include "model/metric.h"
#include "model/origin.h"
#include "model/profile.h"
#include "model/sentence.h"
#include "model/stays.h"
#include "util/error.h"

enum ct_advice_kind {
	CT_ADVICE_TEMPORARY, /* freed before the thread's next allocation */
	CT_ADVICE_ONE_SIZE, /* short-lived blocks of one size */
	CT_ADVICE_GROWTH, /* buffers grown step by step, by realloc or as a std::vector */
	CT_ADVICE_LOST, /* blocks that no pointer leads to any more; only if reachability was recorded */
	CT_ADVICE_LEAK, /* live bytes that rise throughout the run and stay */
	CT_ADVICE_TINY, /* small blocks: the allocator's overhead */
	CT_ADVICE_SLACK, /* bytes that the allocator added to the requests */
	CT_ADVICE_PINS, /* few live bytes on pages that nothing else is on; only if a ledger was taken */
	CT_ADVICE_KEPT, /* held from the start to the end */
	CT_ADVICE_PEAK, /* a large part of the peak, and none of the above */
	CT_ADVICE_KINDS,
};

struct ct_advice {
	enum ct_advice_kind kind;
	uint32_t site; /* the site that contributes most: index into ct_profile.sites */
	uint32_t frame; /* the function: index into the frames of that site */
	size_t site_count;
	struct ct_counters counters; /* sums over these sites; max_blocks too, so it is an upper bound */
	struct ct_growth growth; /* for CT_ADVICE_LEAK */
	uint32_t function; /* equal for findings about one function */
	bool vector; /* CT_ADVICE_GROWTH: the buffer is a C++ container's, and saved_bytes is a guess */
	uint64_t saved_calls; /* malloc/free pairs or calls of realloc; 0: none */
	uint64_t saved_bytes; /* not copied, or not live at the peak or at the end; 0: none */
	double share; /* fraction of the program's total, 0 to 1 */
	double rank; /* findings are sorted by it, highest first */
};

struct ct_findings {
	struct ct_advice *rows;
	size_t count;
	unsigned missing; /* bit 1 << kind: not checked, since the input lacks the numbers */
	struct ct_origins origins; /* of the profile's frames */
	uint32_t *function_of; /* by site: number of its function */
	struct ct_stays stays;
};

/* Look for all kinds. 0 or < 0; call ct_findings_fini in both cases. CT_ERR_USAGE: not a heap profile. */
int ct_advise(const struct ct_profile *profile, struct ct_findings *findings, struct ct_error_text *error);
void ct_findings_fini(struct ct_findings *findings);

/* The finding about leaks (lost, leak) that covers this site, or NULL. */
const struct ct_advice *ct_findings_leak(const struct ct_findings *findings, size_t site);

/* What this site's function has at the end, with the verdict on it, or NULL. */
const struct ct_stay *ct_findings_stay(const struct ct_findings *findings, size_t site);

/* --- words --- */

/* The kind's name for scripts: "one-size". */
const char *ct_advice_name(enum ct_advice_kind kind);

/* The kind's heading: "Short-lived blocks of one size". */
const char *ct_advice_title(enum ct_advice_kind kind);

/* The metric in which the finding shows. */
enum ct_metric ct_advice_metric(enum ct_advice_kind kind);

/* What may be done about it. */
const char *ct_advice_action(const struct ct_advice *advice);

/* Say why there is no finding about leaks; "" if there is one. Returns out. */
char *ct_findings_no_leak(const struct ct_profile *profile, const struct ct_findings *findings,
			  char out[CT_ADVICE_ROOM]);

/*
 * For a profile without leak candidates: what grows although all of it can be reached, or that nothing does. "" when
 * out of memory or if the profile allows no advice. Returns out.
 */
char *ct_advice_without_leaks(const struct ct_profile *profile, char out[CT_ADVICE_ROOM]);

/* The verdict on what stays, in words: "cache, full since 40.1 s"; "" if there is none. Returns out. */
char *ct_stay_verdict(const struct ct_profile *profile, const struct ct_stay *stay, char out[CT_ADVICE_ROOM]);

/* "fill_cache cache.c:24": the function that has it. Returns out. */
char *ct_stay_place(const struct ct_profile *profile, const struct ct_findings *findings, const struct ct_stay *stay,
		    char out[CT_ADVICE_ROOM]);

/* Lines with the verdicts on what stays, leaks first, without the sites that are left out. Returns out. */
char *ct_stays_lines(const struct ct_profile *profile, const struct ct_findings *findings, const uint8_t *left_out,
		     char out[CT_ADVICE_ROOM]);

/* The rate of a finding about leaks, in bytes per second of the run; 0: not known. */
double ct_advice_per_second(const struct ct_profile *profile, const struct ct_advice *advice);

/*
 * Name a frame of a site and its callers: "parse parser.c:24 < read_file < main, and 3 more stacks". stacks: how many
 * sites there are of this kind. Returns out.
 */
char *ct_advice_place(const struct ct_profile *profile, const struct ct_origins *origins, uint32_t site, uint32_t frame,
		      size_t stacks, char out[CT_ADVICE_ROOM]);

/* Describe where, with what evidence, and what a change may save. All return out. */
char *ct_advice_where(const struct ct_profile *profile, const struct ct_findings *findings,
		      const struct ct_advice *advice, char out[CT_ADVICE_ROOM]);
char *ct_advice_evidence(const struct ct_profile *profile, const struct ct_advice *advice, char out[CT_ADVICE_ROOM]);
char *ct_advice_saving(const struct ct_profile *profile, const struct ct_advice *advice, char out[CT_ADVICE_ROOM]);

#endif
