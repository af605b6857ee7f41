/* SPDX-License-Identifier: MIT */
/* Shows a site: the allocating function and its callers on one line, or the whole stack. */
#ifndef CT_VIEW_STACK_H
#define CT_VIEW_STACK_H

#include "model/origin.h"
#include "view/line.h"

/* How a site is shown on a line. */
struct ct_site_look {
	const struct ct_origins *origins;
	bool callers; /* add as many as fit */
	bool many_calls; /* it stands for sites that call other functions of the library too */
};

/*
 * Add the own frame (model/origin.h), its place, the library's function that it called in parentheses, and
 * " < caller < caller". Callers in a library are left out; successive frames of one function are one.
 */
void ct_line_add_site(struct ct_line *line, const struct ct_profile *profile, const struct ct_site_row *site,
		      struct ct_site_look look);

/* Add one frame of a whole stack, "    at function  place". first: it is the leaf; quiet: it is not own code. */
void ct_line_add_frame(struct ct_line *line, const struct ct_profile *profile, const struct ct_frame *frame, bool first,
		       bool quiet);

/* Write the whole stack, one frame per line, without shortening, and an empty line. */
void ct_line_put_stack(struct ct_line *line, const struct ct_profile *profile, const struct ct_origins *origins,
		       const struct ct_site_row *site);

#endif
