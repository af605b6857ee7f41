/* SPDX-License-Identifier: MIT */
/*
 * The numbers of a site by name, for scripts and for formats that hold one number per stack. The names are those of
 * `ctrace top --sort`. The first of each kind has a short form: "peak" is "peak-bytes".
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
	CT_METRIC_COUNT = CT_METRIC_SMALLEST_BYTES, /* those below have a name */
	CT_COUNTER_COUNT = CT_METRIC_RECENT_BYTES, /* those below are in files */
};

/* Find a metric by its name or short name; CT_METRIC_NONE: not found. */
enum ct_metric ct_metric_find(const char *name);

/* Its name: "peak-bytes". */
const char *ct_metric_name(enum ct_metric metric);

/* Its member in JSON: "peakBytes". */
const char *ct_metric_member(enum ct_metric metric);

/* Its name in DHAT's files: "gb". */
const char *ct_metric_dhat(enum ct_metric metric);

/* Print "total-bytes (total), ..." on one line. */
void ct_metric_list(FILE *out);

/* Does the profile have it? */
bool ct_metric_exists(const struct ct_profile *profile, enum ct_metric metric);

/* Does it have all numbers of DHAT: total, lifetime, max, peak and end? */
bool ct_metric_all_exist(const struct ct_profile *profile);

/* Its main number: total-bytes or, if the file does not know that, peak-bytes or end-bytes. */
enum ct_metric ct_metric_main(const struct ct_profile *profile);

#define CT_METRIC_BIT(metric) (UINT64_C(1) << (metric)) /* in ct_profile.lacks */

/* Note that a file lacks the metric, so the profile has no numbers of its kind. False: every file must have it. */
bool ct_metric_lacks(struct ct_profile *profile, enum ct_metric metric);

/* Does it count bytes (or the units of an ad-hoc profile)? */
bool ct_metric_is_bytes(enum ct_metric metric);

/* Is the sum over all sites the process's number? Not for maxima, which sites reach at different times. */
bool ct_metric_adds_up(enum ct_metric metric);

uint64_t ct_metric_value(const struct ct_counters *counters, enum ct_metric metric);
uint64_t *ct_metric_place(struct ct_counters *counters, enum ct_metric metric);

#endif
