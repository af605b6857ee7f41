/* SPDX-License-Identifier: MIT */
/*
 * What `ctrace check` says, as Markdown: a table of the rules that do not hold with the sites to look at first, or one
 * line when all hold; and notes, each a line.
 */
#ifndef CT_VIEW_CHECK_H
#define CT_VIEW_CHECK_H

#include <stdio.h>

#include "model/budget.h"
#include "model/diff.h"

struct ct_check_view {
	const struct ct_budget *budget;
	const struct ct_verdict *verdicts; /* of the rules, in their order */
	const struct ct_profile *profile;
	const char *name; /* of its file */
	const struct ct_diff *diff; /* with the baseline; NULL: there is none */
	bool strict; /* a rule that matches nothing is broken, and so is a recording that is not whole */
};

/* Does it keep this rule? */
bool ct_gate_holds(const struct ct_check_view *gate, size_t rule);

/* Does it keep all of them? */
bool ct_gate_passes(const struct ct_check_view *gate);

/* 0, or < 0 without memory. Errors of the stream are the caller's to ask for. */
int ct_view_gate(const struct ct_check_view *gate, FILE *out);

#endif
