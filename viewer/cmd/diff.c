/* SPDX-License-Identifier: MIT */
/* ctrace diff: what has changed between two recordings. */
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cmd/diff_files.h"
#include "cmd/select_options.h"
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
	      "  -f, --format FORMAT  text (default), json (for scripts), folded (for flamegraph.pl) or html (a page); all but\n"
	      "                       text have all rows\n" CT_SELECT_HELP
	      "  -o, --output FILE    write to a file instead of stdout\n"
	      "  -h, --help           this text\n",
	      out);
}

enum option_value { OPT_MIN = 256, OPT_FULL, OPT_BYTES, OPT_COLOR };

static const struct option options[] = {
	{"metric", required_argument, NULL, 'm'},
	{"rows", required_argument, NULL, 'n'},
	{"min", required_argument, NULL, OPT_MIN},
	{"full", no_argument, NULL, OPT_FULL},
	{"bytes", no_argument, NULL, OPT_BYTES},
	{"color", required_argument, NULL, OPT_COLOR},
	{"format", required_argument, NULL, 'f'},
	{"output", required_argument, NULL, 'o'},
	CT_SELECT_OPTIONS,
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_FOLDED, FORMAT_HTML, FORMATS };

struct request {
	struct ct_diff_view view;
	enum format format;
	enum ct_color_mode color;
	const char *output;
	struct ct_selection selection;
	struct ct_diff_files files;
};

static int parse_format(const char *text, enum format *format)
{
	static const char *const names[FORMATS] = {"text", "json", "folded", "html"};
	for (int i = 0; i < FORMATS; i++) {
		if (!strcmp(text, names[i])) {
			*format = (enum format)i;
			return 0;
		}
	}
	ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "--format %s: it is text, json, folded or html", text);
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

static int (*const writers[FORMATS])(const struct ct_diff *, enum ct_metric, FILE *, struct ct_error_text *) = {
	[FORMAT_JSON] = ct_write_diff_json,
	[FORMAT_FOLDED] = ct_write_diff_folded,
	[FORMAT_HTML] = ct_write_diff_html,
};

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
		code = writers[request->format](diff, request->view.metric, file.stream, error);
	}
	code = ct_out_close(&file, code, error);
	/* A reader that went away (`| head`) is no error. */
	return code == CT_ERR_IO && errno == EPIPE ? CT_OK : code;
}

static int run(struct request *request, struct ct_error_text *error)
{
	int code = ct_diff_files_load(&request->files, request->view.metric, error);
	return code ? code : write_out(request, &request->files.diff, error);
}

/* Options and files; an exit code, or -1: go on. */
static int parse(struct request *request, int argc, char **argv)
{
	int option, code;
	while ((option = getopt_long(argc, argv, "m:n:f:o:h", options, NULL)) != -1) {
		if (option == 'h') {
			print_help(stdout);
			return CT_EXIT_FINE;
		}
		if (ct_select_option(COMMAND, &request->selection, option, optarg, &code)) {
			if (code)
				return code;
		} else if (apply(request, option, optarg) < 0) {
			return CT_EXIT_USAGE;
		}
	}
	if (argc - optind != CT_DIFF_SIDES)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "name two files, the old one first; see ctrace diff --help");
	memcpy(request->files.paths, argv + optind, sizeof(request->files.paths));
	return -1;
}

int ct_cmd_diff(int argc, char **argv)
{
	struct request request = {.view = {.metric = CT_METRIC_TOTAL_BYTES, .rows = ROWS_DEFAULT}, .output = "-"};
	struct ct_error_text error;

	setlocale(LC_CTYPE, "");
	argv[0] = "ctrace " COMMAND; /* for getopt's messages */
	optind = 0;
	request.files.selection = &request.selection;
	int code = parse(&request, argc, argv);
	if (code < 0) {
		code = run(&request, &error);
		if (code)
			code = ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line);
	}
	ct_diff_files_fini(&request.files);
	ct_selection_fini(&request.selection);
	return code;
}
