/* SPDX-License-Identifier: MIT */
/* The page without data, as `make html` builds it. */
#ifndef CT_WRITE_HTML_TEMPLATE_H
#define CT_WRITE_HTML_TEMPLATE_H

#include "util/error.h"

#define CT_HTML_MARK "@DATA@" /* the data goes in its place */

/* Read it into *text, to be freed. 0 or < 0. */
int ct_html_template(char **text, struct ct_error_text *error);

#endif
