/* SPDX-License-Identifier: MIT */
/* Options of `ctrace top` that choose what is shown of a profile, and how. */
#ifndef CT_CMD_TOP_OPTIONS_H
#define CT_CMD_TOP_OPTIONS_H

#include "cmd/shared_options.h"
#include "view/view.h"

enum ct_top_kind { CT_TOP_ROWS, CT_TOP_TREE, CT_TOP_LIST, CT_TOP_PEEK, CT_TOP_MARKS };

enum ct_top_form { CT_TOP_TEXT, CT_TOP_JSON, CT_TOP_CSV };

/* Zeroed, and view.sort, .rows and .min_percent set, it is what a command line without options asks for. */
struct ct_top_request {
	struct ct_view view;
	int pid; /* of a running program, 0 = it is a file */
	bool interactive;
	enum ct_top_kind kind;
	enum ct_top_form form;
	bool sort_given;
	bool rows_given;
	struct ct_selection selection;
	struct ct_patterns functions; /* of --list and --peek */
	bool only_leaks;
	struct ct_leaks leaks;
};

/* Its options, for a struct ct_top_request; --focus and its kin are for its selection. */
#define CT_TOP_OPTIONS 17

extern const struct ct_option ct_top_options[CT_TOP_OPTIONS];

/* All options are in: do they fit together? What follows from several is filled in. Exit code. */
int ct_top_check_options(const char *command, struct ct_top_request *request);

/* Does the profile have what they ask for? Exit code. path: for errors. */
int ct_top_check_profile(const char *command, const struct ct_top_request *request, const char *path);

/* --leaks: leave nothing else in the profile, and show its columns. 0, or < 0 without memory. */
int ct_top_keep_leaks(struct ct_top_request *request, struct ct_profile *profile, struct ct_error_text *error);

/* Write what is asked for. 0 or < 0. */
int ct_top_show(const struct ct_top_request *request, struct ct_error_text *error);

void ct_top_fini(struct ct_top_request *request);

#endif
