/* SPDX-License-Identifier: MIT */
/* Writes a diff as JSON (docs/json.md), as folded stacks with two numbers, like difffolded.pl, and as an HTML page. */
#ifndef CT_WRITE_DIFF_H
#define CT_WRITE_DIFF_H

#include <stdio.h>

#include "model/diff.h"

int ct_write_diff_json(const struct ct_diff *diff, enum ct_metric metric, FILE *out, struct ct_error_text *error);
int ct_write_diff_folded(const struct ct_diff *diff, enum ct_metric metric, FILE *out, struct ct_error_text *error);
int ct_write_diff_html(const struct ct_diff *diff, enum ct_metric metric, FILE *out, struct ct_error_text *error);

/* The cause's member in JSON: "moreBlocks". */
const char *ct_diff_cause_member(enum ct_cause cause);

#endif
