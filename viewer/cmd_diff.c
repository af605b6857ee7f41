/* SPDX-License-Identifier: MIT */
/* ctrace diff: what has changed between two recordings. */
#include "cmd.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "load/load.h"
#include "view/diff.h"
#include "write/diff.h"
#include "write/file.h"

#define COMMAND "diff"
#define ROWS_DEFAULT 20

static void print_help(FILE *out)
{
	fputs("usage: ctrace diff [options] OLD NEW\n"
	      "What has changed between two recordings: stores, or reports of ctrace, Valgrind's DHAT or dhat-rs.\n"
	      "Sites are the same when their functions are, whatever the build; the changes add up to that of the total.\n"
	      "\n"
	      "  -m, --metric METRIC  what is compared; default total-bytes. One of\n"
	      "                       ",
	      out);
	ct_metric_list(out);
	fputs("\n"
	      "  -n, --rows N         rows to show, 0 = all (default 20)\n"
	      "      --min PERCENT    leave out smaller changes, in percent of the old total (default 0)\n"
	      "      --full           the whole stack below each row\n"
	      "      --bytes          numbers to the last digit\n"
	      "      --color WHEN     auto (default), always or never\n"
	      "  -f, --format FORMAT  text (default), json (for scripts) or folded (for flamegraph.pl); these have all rows\n"
	      "  -o, --output FILE    write to a file instead of stdout\n"
	      "  -h, --help           this text\n",
	      out);
}

enum option_value { OPT_MIN = 256, OPT_FULL, OPT_BYTES, OPT_COLOR };

static const struct option options[] = {
	{"metric", required_argument, NULL, 'm'},  {"rows", required_argument, NULL, 'n'},
	{"min", required_argument, NULL, OPT_MIN}, {"full", no_argument, NULL, OPT_FULL},
	{"bytes", no_argument, NULL, OPT_BYTES},   {"color", required_argument, NULL, OPT_COLOR},
	{"format", required_argument, NULL, 'f'},  {"output", required_argument, NULL, 'o'},
	{"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
};

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_FOLDED, FORMATS };

struct request {
	struct ct_diff_view view;
	enum format format;
	enum ct_color_mode color;
	const char *output;
	const char *paths[CT_DIFF_SIDES];
};

static int parse_format(const char *text, enum format *format)
{
	static const char *const names[FORMATS] = {"text", "json", "folded"};
	for (int i = 0; i < FORMATS; i++) {
		if (!strcmp(text, names[i])) {
			*format = (enum format)i;
			return 0;
		}
	}
	ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "--format %s: it is text, json or folded", text);
	return -1;
}

static int parse_metric(const char *text, enum ct_metric *metric)
{
	*metric = ct_metric_find(text);
	if (*metric)
		return 0;
	ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "unknown metric '%s'; see ctrace diff --help", text);
	return -1;
}

/* One option; -1 when the usage line has been printed. */
static int apply(struct request *request, int option, const char *value)
{
	switch (option) {
	case 'm':
		return parse_metric(value, &request->view.metric);
	case 'n':
		return ct_cmd_rows(COMMAND, value, &request->view.rows);
	case OPT_MIN:
		return ct_cmd_percent(COMMAND, value, &request->view.min_percent);
	case OPT_FULL:
		request->view.full = true;
		return 0;
	case OPT_BYTES:
		request->view.exact = true;
		return 0;
	case OPT_COLOR:
		return ct_cmd_color(COMMAND, value, &request->color);
	case 'f':
		return parse_format(value, &request->format);
	case 'o':
		request->output = value;
		return 0;
	default:
		return -1;
	}
}

static int write_out(struct request *request, const struct ct_diff *diff, struct ct_error_text *error)
{
	struct ct_terminal terminal;
	struct ct_out_file file;
	int code = ct_out_open(request->output, &file, error);
	if (!code && request->format == FORMAT_TEXT) {
		ct_terminal_probe(&terminal, file.stream, request->color);
		request->view.diff = diff;
		request->view.terminal = &terminal;
		request->view.out = file.stream;
		code = ct_view_diff(&request->view, error);
	} else if (!code) {
		code = (request->format == FORMAT_JSON ? ct_write_diff_json : ct_write_diff_folded)(
			diff, request->view.metric, file.stream, error);
	}
	code = ct_out_close(&file, code, error);
	/* A reader that went away (`| head`) is no error. */
	return code == CT_ERR_IO && errno == EPIPE ? CT_OK : code;
}

static int run(struct request *request, struct ct_error_text *error)
{
	struct ct_profile *profiles[CT_DIFF_SIDES] = {NULL, NULL};
	struct ct_diff diff = {.rows = NULL};
	int code = CT_OK;
	for (int side = 0; side < CT_DIFF_SIDES && !code; side++)
		code = ct_load(request->paths[side], &profiles[side], error);
	if (!code)
		code = ct_diff_init(&diff, (const struct ct_profile *const *)profiles, request->paths, error);
	if (!code)
		code = ct_diff_check(&diff, request->view.metric, error);
	if (!code)
		code = write_out(request, &diff, error);
	ct_diff_fini(&diff);
	for (int side = 0; side < CT_DIFF_SIDES; side++)
		ct_profile_free(profiles[side]);
	return code;
}

int ct_cmd_diff(int argc, char **argv)
{
	struct request request = {.view = {.metric = CT_METRIC_TOTAL_BYTES, .rows = ROWS_DEFAULT}, .output = "-"};
	struct ct_error_text error;
	int option;

	setlocale(LC_CTYPE, "");
	argv[0] = "ctrace " COMMAND; /* for getopt's messages */
	optind = 0;
	while ((option = getopt_long(argc, argv, "m:n:f:o:h", options, NULL)) != -1) {
		if (option == 'h') {
			print_help(stdout);
			return CT_EXIT_FINE;
		}
		if (apply(&request, option, optarg) < 0)
			return CT_EXIT_USAGE;
	}
	if (argc - optind != CT_DIFF_SIDES)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "name two files, the old one first; see ctrace diff --help");
	memcpy(request.paths, argv + optind, sizeof(request.paths));
	int code = run(&request, &error);
	return code ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line) : CT_EXIT_FINE;
}
