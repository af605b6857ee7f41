/* SPDX-License-Identifier: MIT */
/*
 * What may be worth changing in a program, found in its profile: *findings*, each of one kind and about one function
 * (the first of a stack that is neither allocator nor C++ or Rust library), over all its sites of that kind. What is
 * below the thresholds of ctrace-advise(1) is none. Numbers are evidence; savings are upper bounds.
 */
#ifndef CT_MODEL_ADVISE_H
#define CT_MODEL_ADVISE_H

#include "model/profile.h"
#include "util/error.h"

enum ct_advice_kind {
	CT_ADVICE_TEMPORARY, /* freed before the thread's next allocation */
	CT_ADVICE_ONE_SIZE, /* short-lived blocks of one size */
	CT_ADVICE_GROWTH, /* buffers grown step by step, by realloc or as a std::vector */
	CT_ADVICE_LEAK, /* live bytes that rise with the run and stay */
	CT_ADVICE_TINY, /* the allocator's part of small blocks */
	CT_ADVICE_SLACK, /* given by the allocator and not asked for */
	CT_ADVICE_KEPT, /* held from the start to the end */
	CT_ADVICE_PEAK, /* a large part of the peak, and nothing of the above */
	CT_ADVICE_KINDS,
};

#define CT_ADVICE_QUARTERS 4 /* of the time in which it was recorded what was live */

struct ct_advice {
	enum ct_advice_kind kind;
	uint32_t site; /* the one with most of it: index into ct_profile.sites */
	uint32_t frame; /* its function: index into the frames of that site */
	size_t site_count;
	struct ct_counters counters; /* of these sites; max_blocks are added up, an upper bound */
	double live[CT_ADVICE_QUARTERS]; /* CT_ADVICE_LEAK: bytes, on average */
	bool vector; /* CT_ADVICE_GROWTH: a C++ container; saved_bytes are a guess then */
	uint64_t saved_calls; /* pairs of malloc and free, or calls of realloc; 0: none */
	uint64_t saved_bytes; /* not copied, or not live at the peak or at the end; 0: none */
	double share; /* of what the program has of it, 0 to 1 */
	double rank; /* findings come in this order, highest first */
};

struct ct_findings {
	struct ct_advice *rows;
	size_t count;
	unsigned missing; /* 1 << kind: could not be looked for, the input does not have the numbers */
};

/* Look for all kinds. 0 or < 0; ct_findings_fini in both cases. CT_ERR_USAGE: no heap profile. */
int ct_advise(const struct ct_profile *profile, struct ct_findings *findings, struct ct_error_text *error);
void ct_findings_fini(struct ct_findings *findings);

/* --- words --- */

#define CT_ADVICE_ROOM 512

/* "one-size", for scripts. */
const char *ct_advice_name(enum ct_advice_kind kind);

/* "Short-lived blocks of one size" */
const char *ct_advice_title(enum ct_advice_kind kind);

/* What may be done about it. */
const char *ct_advice_action(const struct ct_advice *advice);

/* All return out. "parse parser.c:24 < read_file < main, and 3 more stacks" */
char *ct_advice_where(const struct ct_profile *profile, const struct ct_advice *advice, char out[CT_ADVICE_ROOM]);
char *ct_advice_evidence(const struct ct_profile *profile, const struct ct_advice *advice, char out[CT_ADVICE_ROOM]);
char *ct_advice_saving(const struct ct_profile *profile, const struct ct_advice *advice, char out[CT_ADVICE_ROOM]);

#endif
