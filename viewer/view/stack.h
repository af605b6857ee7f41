/* SPDX-License-Identifier: MIT */
/* A site in words: the function that allocates and its callers on one line, or the whole stack. */
#ifndef CT_VIEW_STACK_H
#define CT_VIEW_STACK_H

#include "model/profile.h"
#include "view/line.h"

/* Its leaf with the place, and " < caller < caller": as many as fit, a run of one function once. */
void ct_line_add_site(struct ct_line *line, const struct ct_profile *profile, const bool *allocators,
		      const struct ct_site_row *site, bool callers);

/* "    at function  place": one frame of a whole stack, the first or one of those below it. */
void ct_line_add_frame(struct ct_line *line, const struct ct_profile *profile, const struct ct_frame *frame,
		       bool first);

/* The whole stack, one frame a line, nothing cut, and an empty line. */
void ct_line_put_stack(struct ct_line *line, const struct ct_profile *profile, const struct ct_site_row *site);

#endif
