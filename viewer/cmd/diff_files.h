/* SPDX-License-Identifier: MIT */
/* Loads and compares two files, for the commands diff and html. */
#ifndef CT_CMD_DIFF_FILES_H
#define CT_CMD_DIFF_FILES_H

#include <limits.h>

#include "model/diff.h"
#include "model/select.h"
#include "write/html.h"

struct ct_diff_files {
	const char *paths[CT_DIFF_SIDES];
	int pid; /* the new side is this running process, and has no path; 0: it is a file */
	char store[PATH_MAX]; /* its store */
	const struct ct_selection *selection; /* applies to both; the caller's */
	struct ct_profile *profiles[CT_DIFF_SIDES];
	bool split_threads; /* do not fold equal stacks of several threads */
	const struct ct_html *html; /* for ct_diff_files_page */
	struct ct_profile folded[CT_DIFF_SIDES];
	enum ct_diff_stacks stacks;
	struct ct_diff diff;
};

/*
 * Load, select and compare the files; warns on stderr about patterns that match in neither. CT_METRIC_NONE becomes
 * the main number that both files have. 0 or < 0.
 */
int ct_diff_files_load(struct ct_diff_files *files, enum ct_metric *metric, struct ct_error_text *error);

/* May be called without ct_diff_files_load. */
void ct_diff_files_fini(struct ct_diff_files *files);

/* Write the HTML page to a file, or to stdout for "-". 0 or < 0. */
int ct_diff_files_page(const struct ct_diff_files *files, enum ct_metric metric, const char *output,
		       struct ct_error_text *error);

#endif
