/* SPDX-License-Identifier: MIT */
/* A diff for other tools: JSON (docs/json.md), and folded stacks with two numbers, as difffolded.pl writes them. */
#ifndef CT_WRITE_DIFF_H
#define CT_WRITE_DIFF_H

#include <stdio.h>

#include "model/diff.h"

int ct_write_diff_json(const struct ct_diff *diff, enum ct_metric metric, FILE *out, struct ct_error_text *error);
int ct_write_diff_folded(const struct ct_diff *diff, enum ct_metric metric, FILE *out, struct ct_error_text *error);

#endif
