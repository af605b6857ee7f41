/* SPDX-License-Identifier: MIT */
/* Options of `ctrace top` that choose what is shown of a profile, and how. */
#ifndef CT_CMD_TOP_OPTIONS_H
#define CT_CMD_TOP_OPTIONS_H

#include <getopt.h>

#include "cmd/select_options.h"
#include "view/view.h"

enum ct_top_kind { CT_TOP_ROWS, CT_TOP_TREE, CT_TOP_LIST, CT_TOP_PEEK, CT_TOP_MARKS };

enum ct_top_form { CT_TOP_TEXT, CT_TOP_JSON, CT_TOP_CSV };

/* Zeroed, and view.sort, .rows and .min_percent set, it is what a command line without options asks for. */
struct ct_top_request {
	struct ct_view view;
	enum ct_top_kind kind;
	enum ct_top_form form;
	bool sort_given;
	bool rows_given;
	struct ct_selection selection;
	struct ct_patterns functions; /* of --list and --peek */
	bool only_leaks;
	struct ct_leaks leaks;
};

enum {
	CT_OPT_TOP = 0x2000,
	CT_OPT_CUM,
	CT_OPT_TREE,
	CT_OPT_BY,
	CT_OPT_LIST,
	CT_OPT_PEEK,
	CT_OPT_MARKS,
	CT_OPT_SOURCE_PATH,
	CT_OPT_COLUMNS,
	CT_OPT_JSON,
	CT_OPT_CSV,
	CT_OPT_LEAKS,
	CT_OPT_SUPPRESSIONS,
};

/* clang-format off */
#define CT_TOP_OPTIONS                                                                                                 \
	{"sort", required_argument, NULL, 's'}, {"rows", required_argument, NULL, 'n'},                                \
	{"columns", required_argument, NULL, CT_OPT_COLUMNS}, {"by", required_argument, NULL, CT_OPT_BY},              \
	{"cum", no_argument, NULL, CT_OPT_CUM}, {"tree", no_argument, NULL, CT_OPT_TREE},                              \
	{"list", required_argument, NULL, CT_OPT_LIST}, {"peek", required_argument, NULL, CT_OPT_PEEK},                \
	{"source-path", required_argument, NULL, CT_OPT_SOURCE_PATH}, {"json", no_argument, NULL, CT_OPT_JSON},        \
	{"csv", no_argument, NULL, CT_OPT_CSV}, {"leaks", no_argument, NULL, CT_OPT_LEAKS},                            \
	{"marks", no_argument, NULL, CT_OPT_MARKS}, {"suppressions", required_argument, NULL, CT_OPT_SUPPRESSIONS}, CT_SELECT_OPTIONS
/* clang-format on */

#define CT_TOP_HELP                                                                                                    \
	"  -s, --sort COLUMN    total (default), blocks, peak, ...: see --columns\n"                                   \
	"  -n, --rows N         rows to show, 0 = all (default 20)\n"                                                  \
	"      --columns LIST   total, blocks, average, max, peak, end, lifetime, temporaries, resizes,\n"             \
	"                       moves, copied, slack, end-blocks, lost, lost-blocks, indirect,\n"                       \
	"                       possible, reachable, never-freed\n"                                                    \
	CT_SELECT_HELP                                                                                                 \
	"      --by KEY         site (default), function, file, line, module or thread\n"                              \
	"      --cum            --by: with all that it calls; alone: by function\n"                                    \
	"      --tree           who calls whom, from the root\n"                                                       \
	"      --peek RE        callers and callees of functions that match\n"                                         \
	"      --list RE        their source, line by line\n"                                                          \
	"      --source-path D  --list: folders to look in, with : between\n"                                          \
	"      --marks          moments that the program has named by ctrace_mark\n"                                   \
	"      --leaks          only what was live at the end; see CTRACE_REACH\n"                                      \
	"      --suppressions F --leaks: leave out what LeakSanitizer's file F does\n"                                   \
	"      --json           for scripts, as ctrace export -f json\n"                                               \
	"      --csv            for spreadsheets, numbers raw\n"

/* Is it one of them? Then *code is an exit code, and the error has been printed. */
bool ct_top_option(const char *command, struct ct_top_request *request, int option, const char *value, int *code);

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
