/* SPDX-License-Identifier: MIT */
/* The options of `ctrace top`, which choose what is shown of a profile, and how. */
#ifndef CT_CMD_TOP_OPTIONS_H
#define CT_CMD_TOP_OPTIONS_H

#include "cmd/shared_options.h"
#include "model/advise.h"
#include "view/view.h"

enum ct_top_kind { CT_TOP_ROWS, CT_TOP_TREE, CT_TOP_LIST, CT_TOP_PEEK, CT_TOP_MARKS };

enum ct_top_form { CT_TOP_TEXT, CT_TOP_JSON, CT_TOP_CSV };

/* For a command line without options: zeroed, with view.sort, .rows and .min_percent set. */
struct ct_top_request {
	struct ct_view view;
	int pid; /* of a running program; 0 = the input is a file */
	bool interactive;
	enum ct_top_kind kind;
	enum ct_top_form form;
	bool sort_given;
	bool rows_given;
	bool columns_configured; /* by the config, not by an option */
	struct ct_selection selection;
	struct ct_patterns functions; /* from --list and --peek */
	bool resident, pins; /* take the process's ledger; pins implies resident */
	bool only_leaks;
	struct ct_leaks leaks;
	char no_leak[CT_ADVICE_ROOM], stays[CT_ADVICE_ROOM]; /* for --leaks, in words */
};

/* The options for a struct ct_top_request; ct_select_options are for its selection. */
#define CT_TOP_OPTIONS 23

extern const struct ct_option ct_top_options[CT_TOP_OPTIONS];

struct ct_config;

/* After the last option: what the config has and no option has set. 0 or < 0. */
int ct_top_configure(struct ct_top_request *request, const struct ct_config *config, struct ct_error_text *error);

/* Drop the columns of the config that the profile does not have, and of --resident what is swapped if nothing is. */
void ct_top_keep_known_columns(struct ct_top_request *request);

/* After the last option: check that they fit together, and fill in what follows from them. Returns an exit code. */
int ct_top_check_options(const char *command, struct ct_top_request *request);

/* Check that the profile has what the options ask for. path is for errors. Returns an exit code. */
int ct_top_check_profile(const char *command, const struct ct_top_request *request, const char *path);

/* For --leaks: drop everything else from the profile, and show the leak columns. 0, or < 0 when out of memory. */
int ct_top_keep_leaks(struct ct_top_request *request, struct ct_profile *profile, struct ct_error_text *error);

/* Write the view. 0 or < 0. */
int ct_top_show(const struct ct_top_request *request, struct ct_error_text *error);

void ct_top_fini(struct ct_top_request *request);

#endif
