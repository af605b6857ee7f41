/* SPDX-License-Identifier: MIT */
/* ctrace html: a profile as a page, the short way to `ctrace export -f html`. */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>

#include "export.h"

#define COMMAND "html"

static void print_help(FILE *out)
{
	fputs("usage: ctrace html [options] FILE\n"
	      "Write a page to look at in a browser, all in one file: summary, chart over time, call graph, sites.\n"
	      "FILE is a store, or a report of ctrace, Valgrind's DHAT or dhat-rs.\n"
	      "\n"
	      "  -o, --output FILE    default: named after the input; - is stdout\n"
	      "  -m, --metric METRIC  what the graph shows first; default total-bytes. One of\n"
	      "                       ",
	      out);
	ct_metric_list(out);
	fputs("\n  -h, --help           this text\n", out);
}

static const struct option options[] = {
	{"output", required_argument, NULL, 'o'},
	{"metric", required_argument, NULL, 'm'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

int ct_cmd_html(int argc, char **argv)
{
	struct ct_export job = {.format = ct_format_find("html"), .brief = true};
	struct ct_error_text error;
	int option;
	argv[0] = "ctrace " COMMAND; /* for getopt's messages */
	optind = 0;
	while ((option = getopt_long(argc, argv, "o:m:h", options, NULL)) != -1) {
		switch (option) {
		case 'o':
			job.output = optarg;
			break;
		case 'm':
			job.metric = ct_metric_find(optarg);
			if (job.metric)
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
	if (optind + 1 != argc)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "name one file; see ctrace html --help");
	job.input = argv[optind];
	int code = ct_export_run(&job, &error);
	return code ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line) : CT_EXIT_FINE;
}
