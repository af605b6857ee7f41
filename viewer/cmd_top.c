/* SPDX-License-Identifier: MIT */
/* ctrace top, also ctrace-top: a report as text in the terminal. */
#include "cmd.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "load/load.h"
#include "top_options.h"

#define COMMAND "top"
#define ROWS_DEFAULT 20

static const char help[] = "usage: ctrace top [options] FILE\n"
			   "Show who allocates. FILE is a report of ctrace, Valgrind's DHAT or dhat-rs, or a store.\n"
			   "\n" CT_TOP_HELP "      --min PERCENT    --tree: leave out branches below this (default 1)\n"
			   "      --full           the whole stack below each row\n"
			   "      --bytes          numbers to the last digit\n"
			   "      --color WHEN     auto (default), always or never\n"
			   "  -h, --help           this text\n";

enum option_value { OPT_MIN = 256, OPT_FULL, OPT_BYTES, OPT_COLOR };

static const struct option options[] = {
	CT_TOP_OPTIONS,
	{"min", required_argument, NULL, OPT_MIN},
	{"full", no_argument, NULL, OPT_FULL},
	{"bytes", no_argument, NULL, OPT_BYTES},
	{"color", required_argument, NULL, OPT_COLOR},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

struct request {
	struct ct_top_request top;
	enum ct_color_mode color;
	const char *path;
};

/* One option; exit code, the usage line has been printed. */
static int apply(struct request *request, int option, const char *value)
{
	int code;

	if (ct_top_option(COMMAND, &request->top, option, value, &code))
		return code;
	switch (option) {
	case OPT_MIN:
		return ct_cmd_percent(COMMAND, value, &request->top.view.min_percent) ? CT_EXIT_USAGE : CT_EXIT_FINE;
	case OPT_COLOR:
		return ct_cmd_color(COMMAND, value, &request->color) ? CT_EXIT_USAGE : CT_EXIT_FINE;
	case OPT_FULL:
		request->top.view.full = true;
		return CT_EXIT_FINE;
	case OPT_BYTES:
		request->top.view.exact = true;
		return CT_EXIT_FINE;
	default:
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "unknown option or missing value; see ctrace top --help");
	}
}

/* A reader that went away (`| head`) is no error. */
static int flush(struct request *request)
{
	if (fflush(request->top.view.out) == 0 && !ferror(request->top.view.out))
		return CT_EXIT_FINE;
	if (errno == EPIPE)
		return CT_EXIT_FINE;
	return ct_cmd_fail(COMMAND, CT_EXIT_UNREADABLE, "cannot write the table: %s", strerror(errno));
}

static int show(struct request *request, struct ct_profile *profile)
{
	struct ct_view *view = &request->top.view;
	struct ct_selected selected;
	struct ct_error_text error;
	int code = ct_top_check_profile(COMMAND, &request->top, request->path);

	if (code != CT_EXIT_FINE)
		return code;
	code = ct_select(profile, &request->top.selection, &selected, &error);
	if (code == 0 && ct_selection_any(&request->top.selection)) {
		ct_select_warn(&selected);
		view->selected = &selected;
		view->whole = &selected.totals;
	}
	if (code == 0)
		code = ct_top_show(&request->top, &error);
	if (code < 0)
		return ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s: %s", request->path, error.line);
	return flush(request);
}

/* A file as it is asked for. */
static int run(struct request *request)
{
	struct ct_terminal terminal;
	struct ct_profile *profile;
	struct ct_error_text error;
	int code = ct_load(request->path, &profile, &error);

	if (code < 0)
		return ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line);
	ct_terminal_probe(&terminal, stdout, request->color);
	request->top.view.terminal = &terminal;
	request->top.view.profile = profile;
	code = show(request, profile);
	ct_profile_free(profile);
	return code;
}

int ct_cmd_top(int argc, char **argv)
{
	struct request request = {
		.top.view = {.out = stdout, .sort = CT_COLUMN_TOTAL, .rows = ROWS_DEFAULT, .min_percent = 1},
	};
	int option, code = CT_EXIT_FINE;

	setlocale(LC_CTYPE, "");
	optind = 0;
	opterr = 0;
	while (!code && (option = getopt_long(argc, argv, "s:n:h", options, NULL)) != -1) {
		if (option == 'h') {
			code = fputs(help, stdout) < 0 ? CT_EXIT_UNREADABLE : CT_EXIT_FINE;
			ct_top_fini(&request.top);
			return code;
		}
		code = apply(&request, option, optarg);
	}
	if (!code && optind + 1 != argc)
		code = ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s; see ctrace top --help",
				   optind < argc ? "one file at a time" : "which file?");
	if (!code)
		code = ct_top_check_options(COMMAND, &request.top);
	if (!code) {
		request.path = argv[optind];
		code = run(&request);
	}
	ct_top_fini(&request.top);
	return code;
}
