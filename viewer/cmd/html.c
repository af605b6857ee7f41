/* SPDX-License-Identifier: MIT */
/* ctrace html: a profile, or what has changed between two, as a page; the short way to `ctrace export -f html` and
 * `ctrace diff -f html`. */
#include "cmd/cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/diff_files.h"
#include "cmd/select_options.h"
#include "export/export.h"

#define COMMAND "html"

static void print_help(FILE *out)
{
	fputs("usage: ctrace html [options] FILE [NEW]\n"
	      "Write a page to look at in a browser, all in one file: summary, chart over time, call graph, sites.\n"
	      "FILE is a store, or a report of ctrace, Valgrind's DHAT or dhat-rs; with NEW the page shows what has\n"
	      "changed, as ctrace diff does.\n"
	      "\n"
	      "  -o, --output FILE    default: named after FILE, or NEW.diff.html; - is stdout\n"
	      "  -m, --metric METRIC  what the graph shows first; default total-bytes. One of\n"
	      "                       ",
	      out);
	ct_metric_list(out);
	fputs("\n" CT_SELECT_HELP "  -h, --help           this text\n", out);
}

static const struct option options[] = {
	{"output", required_argument, NULL, 'o'},
	{"metric", required_argument, NULL, 'm'},
	CT_SELECT_OPTIONS,
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* "new.json" -> "new.diff.html". Free it. */
static char *page_name(const char *path)
{
	const char *suffix = strrchr(path, '.');
	int length = suffix && !strcmp(suffix, ".json") ? (int)(suffix - path) : (int)strlen(path);
	char *name;
	return asprintf(&name, "%.*s.diff.html", length, path) < 0 ? NULL : name;
}

static int write_diff(const struct ct_export *job, char **paths, struct ct_error_text *error)
{
	struct ct_diff_files files = {.paths = {paths[CT_DIFF_OLD], paths[CT_DIFF_NEW]}, .selection = job->selection};
	enum ct_metric metric = job->metric ? job->metric : CT_METRIC_TOTAL_BYTES;
	char *name = job->output ? strdup(job->output) : page_name(files.paths[CT_DIFF_NEW]);
	int code = name ? ct_diff_files_load(&files, metric, error) : ct_error_no_memory(error);
	if (!code)
		code = ct_diff_files_page(&files, metric, name, error);
	if (!code && !job->output)
		ct_cmd_say("report %s", name);
	ct_diff_files_fini(&files);
	free(name);
	return code;
}

/* An exit code, or -1: go on. */
static int parse(struct ct_export *job, struct ct_selection *selection, int argc, char **argv)
{
	int option, code;
	while ((option = getopt_long(argc, argv, "o:m:h", options, NULL)) != -1) {
		if (ct_select_option(COMMAND, selection, option, optarg, &code)) {
			if (code)
				return code;
			continue;
		}
		switch (option) {
		case 'o':
			job->output = optarg;
			break;
		case 'm':
			job->metric = ct_metric_find(optarg);
			if (job->metric)
				break;
			return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "unknown metric '%s'; see ctrace html --help",
					   optarg);
		case 'h':
			print_help(stdout);
			return CT_EXIT_FINE;
		default:
			return CT_EXIT_USAGE;
		}
	}
	if (argc - optind != 1 && argc - optind != CT_DIFF_SIDES)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "name one file, or two to compare; see ctrace html --help");
	return -1;
}

int ct_cmd_html(int argc, char **argv)
{
	struct ct_selection selection = {0};
	struct ct_export job = {.format = ct_format_find("html"), .selection = &selection};
	struct ct_error_text error;
	argv[0] = "ctrace " COMMAND; /* for getopt's messages */
	optind = 0;
	int code = parse(&job, &selection, argc, argv);
	if (code < 0 && ct_selection_any(&selection) && !job.output)
		code = ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "a part is selected: name its file with -o");
	if (code < 0) {
		job.input = argv[optind];
		job.brief = !job.output;
		code = argc - optind == CT_DIFF_SIDES ? write_diff(&job, argv + optind, &error)
						      : ct_export_run(&job, &error);
		if (code)
			code = ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line);
	}
	ct_selection_fini(&selection);
	return code;
}
