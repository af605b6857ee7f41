/* SPDX-License-Identifier: MIT */
/*
 * Writes the result of `ctrace check` as Markdown: a table of the broken rules, with the sites to look at first, or
 * one line if all rules hold. Notes follow, one per line.
 */
#ifndef CT_VIEW_CHECK_H
#define CT_VIEW_CHECK_H

#include <stdio.h>

#include "model/budget.h"
#include "model/diff.h"

struct ct_check_view {
	const struct ct_budget *budget;
	const struct ct_verdict *verdicts; /* one for each rule, in the same order */
	const struct ct_profile *profile;
	const char *name; /* of its file */
	const struct ct_diff *diff; /* against the baseline; NULL without one */
	bool strict; /* a rule that matches nothing counts as broken, and so does an incomplete recording */
};

/* Does the profile keep this rule? */
bool ct_gate_holds(const struct ct_check_view *gate, size_t rule);

/* Does the profile keep all rules? */
bool ct_gate_passes(const struct ct_check_view *gate);

/* Write the result. 0, or < 0 when out of memory; the caller checks out for write errors. */
int ct_view_gate(const struct ct_check_view *gate, FILE *out);

#endif
