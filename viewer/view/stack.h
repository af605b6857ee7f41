/* SPDX-License-Identifier: MIT */
/* Shows a site: the allocating function and its callers on one line, or the whole stack. */
#ifndef CT_VIEW_STACK_H
#define CT_VIEW_STACK_H

#include "model/profile.h"
#include "view/line.h"

/* Add the leaf, its place, and " < caller < caller", as many as fit. Successive frames of one function are one. */
void ct_line_add_site(struct ct_line *line, const struct ct_profile *profile, const bool *allocators,
		      const struct ct_site_row *site, bool callers);

/* Add one frame of a whole stack, "    at function  place". first: it is the leaf. */
void ct_line_add_frame(struct ct_line *line, const struct ct_profile *profile, const struct ct_frame *frame,
		       bool first);

/* Write the whole stack, one frame per line, without shortening, and an empty line. */
void ct_line_put_stack(struct ct_line *line, const struct ct_profile *profile, const struct ct_site_row *site);

#endif
