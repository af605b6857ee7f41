/* SPDX-License-Identifier: MIT */
/* A diff for other tools: JSON (docs/json.md), folded stacks with two numbers, as difffolded.pl writes them, and a
 * page. */
#ifndef CT_WRITE_DIFF_H
#define CT_WRITE_DIFF_H

#include <stdio.h>

#include "model/diff.h"

int ct_write_diff_json(const struct ct_diff *diff, enum ct_metric metric, FILE *out, struct ct_error_text *error);
int ct_write_diff_folded(const struct ct_diff *diff, enum ct_metric metric, FILE *out, struct ct_error_text *error);
int ct_write_diff_html(const struct ct_diff *diff, enum ct_metric metric, FILE *out, struct ct_error_text *error);

/* "moreBlocks". */
const char *ct_diff_cause_member(enum ct_cause cause);

/* The frame that allocates, of the row's example; allocators: of both sides, by frame id. */
const struct ct_frame *ct_diff_leaf(const struct ct_diff *diff, const struct ct_diff_row *row,
				    bool *const allocators[]);

#endif
