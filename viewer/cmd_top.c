/* SPDX-License-Identifier: MIT */
/* ctrace top, also ctrace-top: a report as text in the terminal. */
#include "cmd.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "load/load.h"
#include "view/view.h"

#define COMMAND "top"
#define ROWS_DEFAULT 20

static const char help[] = "usage: ctrace top [options] FILE\n"
			   "Show who allocates. FILE is a report of ctrace, Valgrind's DHAT or dhat-rs, or a store.\n"
			   "\n"
			   "  -s, --sort KEY     total (default), blocks, max, peak, end or lifetime\n"
			   "  -n, --rows N       rows to show, 0 = all (default 20)\n"
			   "      --cum          by function, with all that it calls\n"
			   "      --tree         who calls whom, from the root\n"
			   "      --min PERCENT  --tree: leave out branches below this (default 1)\n"
			   "      --full         the whole stack below each row\n"
			   "      --bytes        numbers to the last digit\n"
			   "      --color WHEN   auto (default), always or never\n"
			   "  -h, --help         this text\n";

enum option_value { OPT_CUM = 256, OPT_TREE, OPT_MIN, OPT_FULL, OPT_BYTES, OPT_COLOR };

static const struct option options[] = {
	{"sort", required_argument, NULL, 's'},    {"rows", required_argument, NULL, 'n'},
	{"cum", no_argument, NULL, OPT_CUM},       {"tree", no_argument, NULL, OPT_TREE},
	{"min", required_argument, NULL, OPT_MIN}, {"full", no_argument, NULL, OPT_FULL},
	{"bytes", no_argument, NULL, OPT_BYTES},   {"color", required_argument, NULL, OPT_COLOR},
	{"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
};

static const char *const sort_names[CT_COLUMN_COUNT] = {
	[CT_COLUMN_TOTAL] = "total", [CT_COLUMN_BLOCKS] = "blocks", [CT_COLUMN_MAX] = "max",
	[CT_COLUMN_PEAK] = "peak",   [CT_COLUMN_END] = "end",       [CT_COLUMN_LIFETIME] = "lifetime",
};

enum kind { KIND_SITES, KIND_FUNCTIONS, KIND_TREE };

struct request {
	struct ct_view view;
	enum kind kind;
	enum ct_color_mode color;
	const char *path;
};

static bool parse_sort(const char *text, enum ct_column *sort)
{
	for (int i = 0; i < CT_COLUMN_COUNT; i++) {
		if (sort_names[i] && strcmp(text, sort_names[i]) == 0) {
			*sort = (enum ct_column)i;
			return true;
		}
	}
	return false;
}

static bool parse_color(const char *text, enum ct_color_mode *mode)
{
	static const char *const names[] = {"auto", "always", "never"};

	for (int i = 0; i < 3; i++) {
		if (strcmp(text, names[i]) == 0) {
			*mode = (enum ct_color_mode)i;
			return true;
		}
	}
	return false;
}

static bool parse_rows(const char *text, size_t *rows)
{
	char *end;

	errno = 0;
	*rows = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

static bool parse_percent(const char *text, double *percent)
{
	char *end;

	*percent = strtod(text, &end);
	return end != text && *end == '\0' && *percent >= 0 && *percent <= 100;
}

/* One option; -1 when the usage line has been printed. */
static int apply(struct request *request, int option, const char *value)
{
	switch (option) {
	case 's':
		if (parse_sort(value, &request->view.sort))
			return 0;
		ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "--sort %s: it is total, blocks, max, peak, end or lifetime",
			    value);
		return -1;
	case 'n':
		if (parse_rows(value, &request->view.rows))
			return 0;
		ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "-n %s: not a number of rows (0 = all)", value);
		return -1;
	case OPT_MIN:
		if (parse_percent(value, &request->view.min_percent))
			return 0;
		ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "--min %s: not a percentage from 0 to 100", value);
		return -1;
	case OPT_COLOR:
		if (parse_color(value, &request->color))
			return 0;
		ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "--color %s: it is auto, always or never", value);
		return -1;
	case OPT_CUM:
		request->kind = KIND_FUNCTIONS;
		return 0;
	case OPT_TREE:
		request->kind = KIND_TREE;
		return 0;
	case OPT_FULL:
		request->view.full = true;
		return 0;
	case OPT_BYTES:
		request->view.exact = true;
		return 0;
	default:
		ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "unknown option or missing value; see ctrace top --help");
		return -1;
	}
}

/* The sorted column must be in the profile and in the view. */
static int check_sort(const struct request *request)
{
	const char *name = sort_names[request->view.sort];

	if (!ct_column_exists(request->view.profile, request->view.sort))
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE,
				   "%s has no %s: it was recorded without lifetimes; sort by total or blocks",
				   request->path, name);
	if (request->kind != KIND_SITES && request->view.sort == CT_COLUMN_MAX)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE,
				   "maxima of different sites do not add up: sort by peak instead of max");
	if (request->kind == KIND_TREE && request->view.sort == CT_COLUMN_LIFETIME)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE,
				   "a tree has shares, lifetimes have none: sort by another key");
	return CT_EXIT_FINE;
}

/* A reader that went away (`| head`) is no error. */
static int flush(struct request *request)
{
	if (fflush(request->view.out) == 0 && !ferror(request->view.out))
		return CT_EXIT_FINE;
	if (errno == EPIPE)
		return CT_EXIT_FINE;
	return ct_cmd_fail(COMMAND, CT_EXIT_UNREADABLE, "cannot write the table: %s", strerror(errno));
}

static int show(struct request *request)
{
	int (*const views[])(const struct ct_view *, struct ct_error_text *) = {
		[KIND_SITES] = ct_view_sites,
		[KIND_FUNCTIONS] = ct_view_functions,
		[KIND_TREE] = ct_view_tree,
	};
	struct ct_error_text error;
	int code = check_sort(request);

	if (code != CT_EXIT_FINE)
		return code;
	code = ct_view_summary(&request->view, &error);
	if (code == 0)
		code = views[request->kind](&request->view, &error);
	if (code < 0)
		return ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line);
	return flush(request);
}

int ct_cmd_top(int argc, char **argv)
{
	struct request request = {
		.view = {.out = stdout, .sort = CT_COLUMN_TOTAL, .rows = ROWS_DEFAULT, .min_percent = 1},
	};
	struct ct_terminal terminal;
	struct ct_profile *profile;
	struct ct_error_text error;
	int option, code;

	setlocale(LC_CTYPE, "");
	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "s:n:h", options, NULL)) != -1) {
		if (option == 'h')
			return fputs(help, stdout) < 0 ? CT_EXIT_UNREADABLE : CT_EXIT_FINE;
		if (apply(&request, option, optarg) < 0)
			return CT_EXIT_USAGE;
	}
	if (optind + 1 != argc)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s; see ctrace top --help",
				   optind < argc ? "one file at a time" : "which file?");
	request.path = argv[optind];
	code = ct_load(request.path, &profile, &error);
	if (code < 0)
		return ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line);
	ct_terminal_probe(&terminal, stdout, request.color);
	request.view.terminal = &terminal;
	request.view.profile = profile;
	code = show(&request);
	ct_profile_free(profile);
	return code;
}
