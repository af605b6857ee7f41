/* SPDX-License-Identifier: MIT */
/* Writes a trend: a row for each run, a line of bars for each metric, and the sites that have grown most. */
#ifndef CT_VIEW_TREND_H
#define CT_VIEW_TREND_H

#include "model/trend.h"
#include "names/names.h"
#include "names/number.h"
#include "view/terminal.h"

struct ct_trend_view {
	const struct ct_trend *trend;
	size_t rows; /* of sites; 0 = all */
};

/* 0, or < 0 when out of memory; the caller checks out for write errors. */
int ct_trend_text(const struct ct_trend_view *view, const struct ct_terminal *terminal, FILE *out);
void ct_trend_markdown(const struct ct_trend_view *view, FILE *out);
void ct_trend_csv(const struct ct_trend_view *view, FILE *out);
void ct_trend_json(const struct ct_trend_view *view, FILE *out);
void ct_trend_html(const struct ct_trend_view *view, FILE *out);

/* --- what the forms share --- */

/* The number of sites to show. */
size_t ct_trend_shown(const struct ct_trend_view *view);

/* The head of a metric's column: "PEAK"; and its name in running text: "peak". */
const char *ct_trend_head(enum ct_metric metric);

/* An amount with its unit. Returns out. */
char *ct_trend_amount(const struct ct_trend *trend, enum ct_metric metric, uint64_t amount, char out[CT_NUMBER_ROOM]);

/* "+196 KiB", "-3", "0". Returns out. */
char *ct_trend_signed(const struct ct_trend *trend, enum ct_metric metric, int64_t change, char out[CT_NUMBER_ROOM]);

/* "+35.5 %" of the whole; "" if the whole is 0. Returns out. */
char *ct_trend_percent(int64_t change, uint64_t whole, char out[CT_NUMBER_ROOM]);

#define CT_TREND_SITE_ROOM (2 * CT_NAME_ROOM + 8)

/* "insert names.cc:10 < main": the code to look at and its nearest caller with a name. Returns out. */
char *ct_trend_site(const struct ct_trend *trend, const struct ct_trend_site *site, char out[CT_TREND_SITE_ROOM]);

/*
 * The bottom of a scale for the metric's values, and in *top its top. The scale covers them, and at least a tenth of
 * the largest one, so that noise stays flat.
 */
double ct_trend_scale(const struct ct_trend *trend, enum ct_metric metric, double *top);

#endif
