/* SPDX-License-Identifier: MIT */
/*
 * Two profiles side by side; they may come from different builds or tools. A *row* is a chain of functions
 * (model/chain.h) with the numbers of both sides. Sites of one side with the same chain are added up. Chains that only
 * one side has are joined if their plain names agree. Every site is in a row. For each metric that adds up, the
 * changes of the rows therefore sum up exactly to the change of the totals.
 *
 * A change is split into its *causes*, which add up to it exactly. Each number is a product of factors:
 *
 *   total bytes  = blocks * bytes per block
 *   live bytes   = blocks * share of them that is live * bytes per live block       (peak, end)
 *   live blocks  = blocks * share of them that is live
 *   lifetime     = blocks * lifetime per block
 *
 * A factor's part is its change times the mean, over both sides, of the other factors' product. Swapping the sides
 * therefore only flips the signs. If only one side has the row, all of the change is due to its blocks. Parts are
 * rounded to whole numbers, and the last one takes the remainder.
 */
#ifndef CT_MODEL_DIFF_H
#define CT_MODEL_DIFF_H

#include "model/chain.h"
#include "model/metric.h"
#include "util/error.h"

enum ct_diff_side { CT_DIFF_OLD, CT_DIFF_NEW, CT_DIFF_SIDES };

enum ct_cause {
	CT_CAUSE_BLOCKS, /* more blocks */
	CT_CAUSE_SIZE, /* larger blocks */
	CT_CAUSE_LIFE, /* a larger share is still live; for the lifetime: blocks live longer */
	CT_CAUSES,
};

struct ct_diff_row {
	uint64_t values[CT_DIFF_SIDES][CT_METRIC_COUNT]; /* by enum ct_metric; at most 2^62 */
	/* the site with this chain that allocates most; NULL: the side has none */
	const struct ct_site_row *examples[CT_DIFF_SIDES];
	uint32_t chain; /* index in ct_diff.chains */
	uint32_t own; /* index of the own frame in the chain */
	bool many_calls; /* its sites do not all go through the same call of a library */
};

/* What a row's chain holds. */
enum ct_diff_stacks {
	CT_DIFF_OWN, /* the program's own functions (model/origin.h) */
	CT_DIFF_ALL_FRAMES, /* every function from the leaf on */
};

struct ct_diff {
	const struct ct_profile *profiles[CT_DIFF_SIDES]; /* the caller's; they must outlive the diff */
	const char *names[CT_DIFF_SIDES]; /* their files, for errors */
	struct ct_chains chains;
	struct ct_origins origins[CT_DIFF_SIDES];
	struct ct_diff_row *rows;
	size_t row_count;
};

/* 0, or < 0: CT_ERR_USAGE if the profiles cannot be compared. Call ct_diff_fini in both cases. */
int ct_diff_init(struct ct_diff *diff, const struct ct_profile *const profiles[CT_DIFF_SIDES],
		 const char *const names[CT_DIFF_SIDES], enum ct_diff_stacks stacks, struct ct_error_text *error);
void ct_diff_fini(struct ct_diff *diff);

/* Check that both sides have the metric and that it adds up. CT_ERR_USAGE: the error names the file without it. */
int ct_diff_check(const struct ct_diff *diff, enum ct_metric metric, struct ct_error_text *error);

/* Do both sides have the metric? Unlike ct_diff_check, this accepts metrics that do not add up. */
bool ct_diff_has(const struct ct_diff *diff, enum ct_metric metric);

/* Do both sides have the metric, and does it add up? */
bool ct_diff_compares(const struct ct_diff *diff, enum ct_metric metric);

/* New minus old, of a row and of the totals. */
int64_t ct_diff_change(const struct ct_diff_row *row, enum ct_metric metric);
int64_t ct_diff_total_change(const struct ct_diff *diff, enum ct_metric metric);

/* Can the metric change for this cause? Some metrics have no causes. */
bool ct_diff_has_cause(enum ct_metric metric, enum ct_cause cause);

/* The same, and do both sides have the numbers of blocks that the metric is split by? */
bool ct_diff_knows_cause(const struct ct_diff *diff, enum ct_metric metric, enum ct_cause cause);

/* Split the row's change into parts; the part of a cause that the metric does not have is 0. */
void ct_diff_causes(const struct ct_diff_row *row, enum ct_metric metric, int64_t parts[CT_CAUSES]);

/* Does any of the row's numbers differ? */
bool ct_diff_row_differs(const struct ct_diff *diff, const struct ct_diff_row *row);

/* The own frame of the row's example, and its leaf. */
const struct ct_frame *ct_diff_own(const struct ct_diff *diff, const struct ct_diff_row *row);
const struct ct_frame *ct_diff_leaf(const struct ct_diff *diff, const struct ct_diff_row *row);

/*
 * The rows sorted by the size of their change, largest first; unchanged rows are at the end. To be freed; NULL when
 * out of memory.
 */
uint32_t *ct_diff_order(const struct ct_diff *diff, enum ct_metric metric);

/* The side whose example names the row: the new one, unless it has no such site. */
static inline enum ct_diff_side ct_diff_shown_side(const struct ct_diff_row *row)
{
	return row->examples[CT_DIFF_NEW] ? CT_DIFF_NEW : CT_DIFF_OLD;
}

#endif
