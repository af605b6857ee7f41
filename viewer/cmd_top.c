/* SPDX-License-Identifier: MIT */
/* ctrace top, also ctrace-top: a report as text in the terminal. */
#include "cmd.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "live/live.h"
#include "load/load.h"
#include "top_options.h"

#define COMMAND "top"
#define ROWS_DEFAULT 20

static const char help[] = "usage: ctrace top [options] FILE\n"
			   "       ctrace top [options] -p PID\n"
			   "Show who allocates. FILE is a report of ctrace, Valgrind's DHAT or dhat-rs, or a store.\n"
			   "\n"
			   "  -i, --interactive    look around in it, in a terminal; ? there tells the keys\n"
			   "  -p, --pid PID        a running program that ctrace records, interactive in a terminal\n" CT_TOP_HELP
			   "      --min PERCENT    --tree: leave out branches below this (default 1)\n"
			   "      --full           the whole stack below each row\n"
			   "      --bytes          numbers to the last digit\n"
			   "      --color WHEN     auto (default), always or never\n"
			   "  -h, --help           this text\n";

enum option_value { OPT_MIN = 256, OPT_FULL, OPT_BYTES, OPT_COLOR };

static const struct option options[] = {
	CT_TOP_OPTIONS,
	{"interactive", no_argument, NULL, 'i'},
	{"pid", required_argument, NULL, 'p'},
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
	bool interactive;
	int pid; /* of a running program, 0 = it is a file */
	struct ct_target *target;
};

static bool parse_pid(const char *text, int *pid)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	*pid = (int)number;
	return *text >= '1' && *text <= '9' && *end == '\0' && errno == 0 && number <= INT_MAX;
}

/* One option; exit code, the usage line has been printed. */
static int apply(struct request *request, int option, const char *value)
{
	int code;

	if (ct_top_option(COMMAND, &request->top, option, value, &code))
		return code;
	switch (option) {
	case 'i':
		request->interactive = true;
		return CT_EXIT_FINE;
	case 'p':
		return parse_pid(value, &request->pid)
			       ? CT_EXIT_FINE
			       : ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "-p %s: not a process's number", value);
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

/* What the interactive view cannot show, or not of a profile that changes. */
static int check_interactive(const struct request *request)
{
	const struct ct_top_request *top = &request->top;
	bool possible = (top->kind == CT_TOP_ROWS || top->kind == CT_TOP_TREE) && top->form == CT_TOP_TEXT &&
			top->view.by != CT_BY_FILE && top->view.by != CT_BY_LINE && !top->view.column_count && !top->only_leaks;

	if (!request->interactive && !request->pid)
		return CT_EXIT_FINE;
	if (!possible)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE,
				   "-i and -p show sites, functions, modules, threads and trees: not --by file, --by "
				   "line, --columns, --list, --peek, --leaks, --json or --csv");
	if (request->pid && ct_selection_any(&top->selection))
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE,
				   "-p takes no --focus, --ignore or --hide: the key f filters what it shows");
	return CT_EXIT_FINE;
}

static bool is_live(const struct request *request)
{
	return (request->interactive || request->pid) && ct_live_possible();
}

static int show_live(const struct request *request)
{
	static const enum ct_rows_kind kinds[CT_BY_COUNT] = {
		[CT_BY_SITE] = CT_ROWS_SITES,
		[CT_BY_FUNCTION] = CT_ROWS_FUNCTIONS,
		[CT_BY_MODULE] = CT_ROWS_MODULES,
		[CT_BY_THREAD] = CT_ROWS_THREADS,
	};
	const struct ct_top_request *top = &request->top;
	struct ct_live_request live = {
		.view = &top->view,
		.kind = top->kind == CT_TOP_TREE ? CT_ROWS_CALLEES : kinds[top->view.by],
		.target = request->target,
	};
	struct ct_error_text error;
	int code;

	if (top->view.by == CT_BY_THREAD && !ct_groups_have_threads(top->view.profile))
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s has no threads: record with CTRACE_THREADS=1",
				   request->path);
	code = ct_live_run(&live, &error);
	return code < 0 ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line) : CT_EXIT_FINE;
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
	if (code == 0 && is_live(request))
		return show_live(request);
	if (code == 0 && request->top.only_leaks)
		code = ct_top_keep_leaks(&request->top, profile, &error);
	if (code == 0)
		code = ct_top_show(&request->top, &error);
	if (code < 0)
		return ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s: %s", request->path, error.line);
	return flush(request);
}

/* The running program's profile; what is live now is what one looks for there. */
static int open_target(struct request *request, struct ct_profile **profile, struct ct_error_text *error)
{
	int code = ct_target_open(request->pid, &request->target, error);

	if (code < 0)
		return code;
	*profile = ct_target_profile(request->target);
	if (!request->top.sort_given)
		request->top.view.sort = CT_COLUMN_END;
	if (ct_target_state(request->target) == CT_TARGET_STOPPED)
		ct_cmd_fail(COMMAND, 0, "the recording of process %d has stopped: %s; this is what it had until then",
			    request->pid, ct_target_reason(request->target));
	return code;
}

/* A file or a process as it is asked for. */
static int run(struct request *request)
{
	struct ct_terminal terminal;
	struct ct_profile *profile;
	struct ct_error_text error;
	int code = request->pid ? open_target(request, &profile, &error) : ct_load(request->path, &profile, &error);

	if (code < 0)
		return ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line);
	if (!request->pid)
		ct_cmd_warn_torn(profile, request->path);
	ct_terminal_probe(&terminal, stdout, request->color);
	request->top.view.terminal = &terminal;
	request->top.view.profile = profile;
	code = show(request, profile);
	if (request->target)
		ct_target_close(request->target);
	else
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
	while (!code && (option = getopt_long(argc, argv, "s:n:ip:h", options, NULL)) != -1) {
		if (option == 'h') {
			code = fputs(help, stdout) < 0 ? CT_EXIT_UNREADABLE : CT_EXIT_FINE;
			ct_top_fini(&request.top);
			return code;
		}
		code = apply(&request, option, optarg);
	}
	if (!code && optind + !request.pid != argc)
		code = ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s; see ctrace top --help",
				   request.pid     ? "-p PID and no file"
				   : optind < argc ? "one file at a time"
						   : "which file?");
	if (!code)
		code = ct_top_check_options(COMMAND, &request.top);
	if (!code)
		code = check_interactive(&request);
	if (!code) {
		request.path = request.pid ? "the recording" : argv[optind];
		code = run(&request);
	}
	ct_top_fini(&request.top);
	return code;
}
