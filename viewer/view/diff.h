/* SPDX-License-Identifier: MIT */
/* Writes a diff as text: the totals of both sides, then the rows that changed, largest change first. */
#ifndef CT_VIEW_DIFF_H
#define CT_VIEW_DIFF_H

#include <stdio.h>

#include "model/diff.h"
#include "util/pattern.h"
#include "view/terminal.h"

struct ct_diff_view {
	const struct ct_diff *diff;
	const struct ct_terminal *terminal;
	FILE *out;
	enum ct_metric metric; /* one that ct_diff_check accepts */
	size_t rows; /* 0 = all */
	double min_percent; /* of the larger total; smaller changes are not shown */
	bool exact; /* exact numbers */
	bool full; /* whole stacks */
	bool all_frames; /* rows show the leaf and all callers; for a diff with CT_DIFF_ALL_FRAMES */
};

int ct_view_diff(const struct ct_diff_view *view, struct ct_error_text *error);

/*
 * Write the functions that match, with what was allocated through each caller and callee on both sides, for a diff with
 * CT_DIFF_ALL_FRAMES. CT_ERR_USAGE: no function matches.
 */
int ct_view_diff_peek(const struct ct_diff_view *view, const struct ct_patterns *patterns, struct ct_error_text *error);

#endif
