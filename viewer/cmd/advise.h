/* SPDX-License-Identifier: MIT */
/* Parts of `ctrace advise`. */
#ifndef CT_CMD_ADVISE_H
#define CT_CMD_ADVISE_H

#include "model/profile.h"
#include "util/error.h"
#include "view/line.h"

/* Write "    label   text", wrapped to the terminal's width. */
void ct_advise_put_labelled(struct ct_line *line, const char *label, const char *text);

/* --what-if, as text with this many rows (0 = all), and as JSON. 0 or < 0. */
int ct_advise_what_if(const struct ct_profile *profile, size_t rows, enum ct_color_mode color,
		      struct ct_error_text *error);
int ct_advise_what_if_json(const struct ct_profile *profile, size_t rows, struct ct_error_text *error);

#endif
