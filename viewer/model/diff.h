/* SPDX-License-Identifier: MIT */
/*
 * Two profiles beside each other, also of different builds or from different tools. A *row* is a chain of functions
 * (model/chain.h) with the numbers of both sides; sites of one side with the same chain are added up. Chains that only
 * one side has come together when their plain names agree. All sites are in a row, so for every metric that adds up the
 * changes of the rows sum up to that of the totals, exactly.
 *
 * A change is split into its *causes*, which add up to it exactly. A number is a product of what caused it:
 *
 *   total bytes  = blocks * bytes a block
 *   live bytes   = blocks * share of them that is live * bytes of a live block      (peak, end)
 *   live blocks  = blocks * share of them that is live
 *   lifetime     = blocks * lifetime of a block
 *
 * A factor's part is its change times the mean, over both sides, of what it is multiplied with; so a diff the other way
 * round has the same parts with the other sign. A row that only one side has changed by its blocks alone. Parts are
 * rounded to whole numbers, the last one is what is left.
 */
#ifndef CT_MODEL_DIFF_H
#define CT_MODEL_DIFF_H

#include "model/chain.h"
#include "model/metric.h"
#include "util/error.h"

enum ct_diff_side { CT_DIFF_OLD, CT_DIFF_NEW, CT_DIFF_SIDES };

enum ct_cause {
	CT_CAUSE_BLOCKS, /* more of them */
	CT_CAUSE_SIZE, /* bigger ones */
	CT_CAUSE_LIFE, /* a larger share still live; of the lifetime: longer ones */
	CT_CAUSES,
};

struct ct_diff_row {
	uint64_t values[CT_DIFF_SIDES][CT_METRIC_COUNT]; /* by enum ct_metric; at most 2^62 */
	const struct ct_site_row *examples[CT_DIFF_SIDES]; /* a site with this chain, NULL: the side has none */
	uint32_t chain; /* in ct_diff.chains */
};

struct ct_diff {
	const struct ct_profile *profiles[CT_DIFF_SIDES]; /* the caller's; they must outlive the diff */
	const char *names[CT_DIFF_SIDES]; /* of their files, for errors */
	struct ct_chains chains;
	struct ct_diff_row *rows;
	size_t row_count;
};

/* 0, or < 0: CT_ERR_USAGE when they do not fit together. ct_diff_fini in both cases. */
int ct_diff_init(struct ct_diff *diff, const struct ct_profile *const profiles[CT_DIFF_SIDES],
		 const char *const names[CT_DIFF_SIDES], struct ct_error_text *error);
void ct_diff_fini(struct ct_diff *diff);

/* Do both have the metric? 0, or CT_ERR_USAGE with a line that names the file without it. */
int ct_diff_check(const struct ct_diff *diff, enum ct_metric metric, struct ct_error_text *error);

/* The same as a question, for every metric. */
bool ct_diff_has(const struct ct_diff *diff, enum ct_metric metric);

/* Does it, and does it add up? */
bool ct_diff_compares(const struct ct_diff *diff, enum ct_metric metric);

/* Of a row, and of all. */
int64_t ct_diff_change(const struct ct_diff_row *row, enum ct_metric metric);
int64_t ct_diff_total_change(const struct ct_diff *diff, enum ct_metric metric);

/* Does the metric's change have this cause? Some have none. */
bool ct_diff_has_cause(enum ct_metric metric, enum ct_cause cause);

/* The parts of the row's change: 0 for causes that the metric has not. */
void ct_diff_causes(const struct ct_diff_row *row, enum ct_metric metric, int64_t parts[CT_CAUSES]);

/* Does any of its numbers differ? */
bool ct_diff_row_differs(const struct ct_diff *diff, const struct ct_diff_row *row);

/* The rows by the size of their change, largest first; those without one are at the end. free(); NULL without memory.
 */
uint32_t *ct_diff_order(const struct ct_diff *diff, enum ct_metric metric);

/* The side that shows what the row is: the new one unless it has no such site. */
static inline enum ct_diff_side ct_diff_shown_side(const struct ct_diff_row *row)
{
	return row->examples[CT_DIFF_NEW] ? CT_DIFF_NEW : CT_DIFF_OLD;
}

#endif
