/* SPDX-License-Identifier: MIT */
/* The page without data: markup, script and style, which `make html` builds from viewer/html/. */
#ifndef CT_WRITE_TEMPLATE_H
#define CT_WRITE_TEMPLATE_H

#include "util/error.h"

/* Read it: *text, to be freed, is what comes before the data, and *rest, in the same block, what comes after. */
int ct_template_read(char **text, char **rest, struct ct_error_text *error);

#endif
