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
#include "view/view.h"

#define COMMAND "top"
#define ROWS_DEFAULT 20

static const char help[] = "usage: ctrace top [options] FILE\n"
			   "       ctrace top [options] -p PID\n"
			   "Show who allocates. FILE is a report of ctrace, Valgrind's DHAT or dhat-rs, or a store.\n"
			   "\n"
			   "  -i, --interactive  look around in it, in a terminal; ? there tells the keys\n"
			   "  -p, --pid PID      a running program that ctrace records, interactive in a terminal\n"
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
	{"interactive", no_argument, NULL, 'i'},   {"pid", required_argument, NULL, 'p'},
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
	bool interactive;
	bool sorted; /* by the user's choice */
	int pid; /* of a running program, 0 = it is a file */
	struct ct_target *target;
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

static bool parse_pid(const char *text, int *pid)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	*pid = (int)number;
	return *text >= '1' && *text <= '9' && *end == '\0' && errno == 0 && number <= INT_MAX;
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
		request->sorted = true;
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
	case 'i':
		request->interactive = true;
		return 0;
	case 'p':
		if (parse_pid(value, &request->pid))
			return 0;
		ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "-p %s: not a process's number", value);
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

static int show_live(struct request *request)
{
	static const enum ct_rows_kind kinds[] = {
		[KIND_SITES] = CT_ROWS_SITES,
		[KIND_FUNCTIONS] = CT_ROWS_FUNCTIONS,
		[KIND_TREE] = CT_ROWS_CALLEES,
	};
	struct ct_live_request live = {&request->view, kinds[request->kind], request->target};
	struct ct_error_text error;
	int code = check_sort(request);

	if (code != CT_EXIT_FINE)
		return code;
	code = ct_live_run(&live, &error);
	return code < 0 ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line) : CT_EXIT_FINE;
}

/* The running program's profile; what is live now is what one looks for there. */
static int open_target(struct request *request, struct ct_profile **profile, struct ct_error_text *error)
{
	int code = ct_target_open(request->pid, &request->target, error);

	if (code < 0)
		return code;
	*profile = ct_target_profile(request->target);
	if (!request->sorted)
		request->view.sort = CT_COLUMN_END;
	if (ct_target_state(request->target) == CT_TARGET_STOPPED)
		ct_cmd_fail(COMMAND, 0, "the recording of process %d has stopped: %s; this is what it had until then",
			    request->pid, ct_target_reason(request->target));
	return code;
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
	while ((option = getopt_long(argc, argv, "s:n:ip:h", options, NULL)) != -1) {
		if (option == 'h')
			return fputs(help, stdout) < 0 ? CT_EXIT_UNREADABLE : CT_EXIT_FINE;
		if (apply(&request, option, optarg) < 0)
			return CT_EXIT_USAGE;
	}
	if (optind + !request.pid != argc)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s; see ctrace top --help",
				   request.pid     ? "-p PID and no file"
				   : optind < argc ? "one file at a time"
						   : "which file?");
	request.path = request.pid ? "the recording" : argv[optind];
	code = request.pid ? open_target(&request, &profile, &error) : ct_load(request.path, &profile, &error);
	if (code < 0)
		return ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line);
	ct_terminal_probe(&terminal, stdout, request.color);
	request.view.terminal = &terminal;
	request.view.profile = profile;
	code = (request.interactive || request.pid) && ct_live_possible() ? show_live(&request) : show(&request);
	if (request.target)
		ct_target_close(request.target);
	else
		ct_profile_free(profile);
	return code;
}
