/* SPDX-License-Identifier: MIT */
/*
 * The totals of many recordings in order, such as one for each commit. Only the first and the latest profile are kept,
 * to find out which sites have grown between them.
 */
#ifndef CT_MODEL_TREND_H
#define CT_MODEL_TREND_H

#include "model/diff.h"

struct ct_trend_run {
	char *label; /* clean UTF-8 */
	uint64_t start_unix_ns; /* 0 = not known */
	uint64_t values[CT_METRIC_COUNT];
	bool has[CT_METRIC_COUNT];
};

/* A row of the diff that has grown. */
struct ct_trend_site {
	const struct ct_diff_row *row;
	uint32_t frame; /* of its new site: the code to look at */
	int64_t change;
};

#define CT_TREND_METRICS_MAX 5

struct ct_trend {
	struct ct_trend_run *runs;
	size_t count, room;
	enum ct_metric metric; /* the one whose change is shown */
	enum ct_metric metrics[CT_TREND_METRICS_MAX]; /* those to show, with metric among them */
	size_t metric_count;
	struct ct_profile *profiles[CT_DIFF_SIDES]; /* the first and the latest; the same one if there is one run */
	struct ct_diff diff;
	bool compared; /* both have the metric, so sites and the diff are known */
	struct ct_trend_site *sites; /* those that have grown, largest change first */
	size_t site_count;
};

void ct_trend_init(struct ct_trend *trend, enum ct_metric metric);

/* Add a run; takes the profile in any case. CT_ERR_USAGE: it has other units than the first one. */
int ct_trend_add(struct ct_trend *trend, const char *label, struct ct_profile *profile, struct ct_error_text *error);

/* After the last run: compare it with the first one. 0 or < 0. */
int ct_trend_end(struct ct_trend *trend, struct ct_error_text *error);

void ct_trend_fini(struct ct_trend *trend);

/* The change of a metric from the run before. False: one of the two does not have it. */
bool ct_trend_change(const struct ct_trend *trend, size_t run, enum ct_metric metric, int64_t *change);

/* The first and the last run that have the metric. False: fewer than two have it. */
bool ct_trend_ends(const struct ct_trend *trend, enum ct_metric metric, size_t *first, size_t *last);

#endif
