/* SPDX-License-Identifier: MIT */
/* The page with what only its own command can choose; ct_write_html writes it without. */
#ifndef CT_WRITE_HTML_H
#define CT_WRITE_HTML_H

#include <stdbool.h>
#include <stdio.h>

#include "model/diff.h"
#include "util/error.h"
#include "write/put_source.h"

struct ct_html {
	bool split_threads; /* at first, the page shows the threads apart */
	const char *source_path; /* folders with source files, colon-separated; may be NULL */
	const char *editor_link; /* write/editor_link.h; NULL: the default */
	struct ct_source_sum *source; /* if not NULL, source lines are embedded, and this is set */
};

/* A page of one profile; one of a diff, whose split_threads and source are not used. */
int ct_write_page(const struct ct_profile *profile, enum ct_metric metric, const struct ct_html *html, FILE *out,
		  struct ct_error_text *error);
int ct_write_diff_page(const struct ct_diff *diff, enum ct_metric metric, const struct ct_html *html, FILE *out,
		       struct ct_error_text *error);

#endif
