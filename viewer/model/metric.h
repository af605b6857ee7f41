/* SPDX-License-Identifier: MIT */
/*
 * The numbers of a site by name, for formats that hold one number per stack and for scripts. The words are
 * those of `ctrace top --sort`, which are short for the first of each kind: "peak" is "peak-bytes".
 */
#ifndef CT_MODEL_METRIC_H
#define CT_MODEL_METRIC_H

#include <stdbool.h>
#include <stdio.h>

#include "model/profile.h"

enum ct_metric {
	CT_METRIC_NONE, /* not chosen */
#define CT_METRIC(metric, ...) CT_METRIC_##metric,
#include "model/metrics.def"
#undef CT_METRIC
	CT_ALL_COUNT,
	CT_METRIC_COUNT = CT_METRIC_SMALLEST_BYTES, /* of those with a name */
	CT_COUNTER_COUNT = CT_METRIC_RECENT_BYTES, /* of those in files */
};

/* CT_METRIC_NONE: there is none of this name. */
enum ct_metric ct_metric_find(const char *name);

/* "peak-bytes". */
const char *ct_metric_name(enum ct_metric metric);

/* As JSON members are called: "peakBytes". */
const char *ct_metric_member(enum ct_metric metric);

/* As DHAT's files call them: "gb". */
const char *ct_metric_dhat(enum ct_metric metric);

/* "total-bytes (total), ..." on one line. */
void ct_metric_list(FILE *out);

/* Does the profile have it? */
bool ct_metric_exists(const struct ct_profile *profile, enum ct_metric metric);

/* A file lacks it: the profile has no numbers of that kind then. False: every file has this one. */
bool ct_metric_lacks(struct ct_profile *profile, enum ct_metric metric);

/* Is it a count of bytes (units of another kind in an ad-hoc profile)? */
bool ct_metric_is_bytes(enum ct_metric metric);

/* Is the sum over sites that of the process? Not of maxima, which the sites have at different times. */
bool ct_metric_adds_up(enum ct_metric metric);

uint64_t ct_metric_value(const struct ct_counters *counters, enum ct_metric metric);
uint64_t *ct_metric_place(struct ct_counters *counters, enum ct_metric metric);

#endif
