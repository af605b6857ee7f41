/* SPDX-License-Identifier: MIT */
/* ctrace export: a store, or a report of any producer, becomes a report. */
#include "cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export.h"
#include "load/load.h"
#include "record/left_store.h"
#include "select_options.h"

#define COMMAND "export"

static void print_help(FILE *out)
{
	fputs("usage: ctrace export [options] INPUT\n"
	      "Turn a store (FILE.json.store) or a report of ctrace, Valgrind's DHAT or dhat-rs into another file.\n"
	      "\n"
	      "  -f, --format FORMAT  which kind; several with commas:\n",
	      out);
	for (const struct ct_format *format = ct_formats; format->name; format++)
		fprintf(out, "      %-12s %s%s\n", format->name, format->help,
			format == ct_formats ? " (default)" : "");
	fputs("  -m, --metric METRIC  what a format of one number per stack holds, the others show first:\n      ",
	      out);
	ct_metric_list(out);
	fputs("\n"
	      "  -o, --output FILE    default: named after the input, or as the recording wanted it; - is stdout\n"
	      "      --events         of a store: the events that the program counted itself, not the heap\n"
	      "      --live           INPUT is a running program's pid or store; with -o FILE.store a whole copy of the store\n"
	      "      --remove-store   remove the store after a good export\n" CT_SELECT_HELP
	      "  -h, --help           this text\n",
	      out);
}

enum option_value { OPT_REMOVE = 256, OPT_AT_EXIT, OPT_EVENTS, OPT_LIVE };

/* --at-exit is the preload's: export in place, remove the store unless it is to be kept, say so. */
static const struct option options[] = {
	{"format", required_argument, NULL, 'f'},
	{"metric", required_argument, NULL, 'm'},
	{"output", required_argument, NULL, 'o'},
	{"remove-store", no_argument, NULL, OPT_REMOVE},
	{"at-exit", no_argument, NULL, OPT_AT_EXIT},
	{"events", no_argument, NULL, OPT_EVENTS},
	{"live", no_argument, NULL, OPT_LIVE},
	CT_SELECT_OPTIONS,
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* left: what stays behind when a program wanted a report of its own at its end, NULL = nothing. */
static int fail(int status, const struct ct_error_text *error, const char *left)
{
	return ct_cmd_fail(COMMAND, status, "%s%s%s", error->line, left ? "; the store stays: " : "", left ? left : "");
}

/* Only what a program has finished with, and never a report. */
static int check_removable(const char *input)
{
	struct ct_error_text error;
	struct ct_left_store left;
	char *path;
	int is_store = ct_is_store(input, &error);
	if (is_store < 0)
		return fail(ct_error_exit_code(is_store), &error, NULL);
	if (!is_store)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s is no store; --remove-store is for stores", input);
	path = realpath(input, NULL);
	bool in_use = path && ct_left_store_read(AT_FDCWD, path, &left) && ct_left_store_in_use(&left, path);
	free(path);
	return in_use ? ct_cmd_fail(COMMAND, CT_EXIT_USAGE,
				    "%s: pid %u still records into it; export it without --remove-store", input,
				    left.pid)
		      : CT_EXIT_FINE;
}

static int set_metric(struct ct_export *job, const char *name)
{
	job->metric = ct_metric_find(name);
	if (job->metric)
		return CT_EXIT_FINE;
	return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "unknown metric '%s'; see ctrace export --help", name);
}

static int run(struct ct_export *job, const struct ct_format_set *set, bool remove_store)
{
	struct ct_error_text error;
	bool remove_last = job->remove_store;
	int code = remove_store ? check_removable(job->input) : CT_EXIT_FINE;
	if (code)
		return code;
	if (ct_selection_any(job->selection) && (remove_store || remove_last || !job->output))
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s",
				   job->output ? "a part is selected, so the store is to stay: leave --remove-store out"
					       : "a part is selected: name its file with -o");
	if (job->live && (remove_store || remove_last || !job->output))
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s",
				   job->output ? "--live leaves the program its store: leave --remove-store out"
					       : "--live needs -o: FILE.store for a copy of the store, or a report");
	if (job->output && set->count > 1)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "-o names one file, and there are several formats");
	for (size_t i = 0; i < set->count; i++) {
		job->format = set->formats[i];
		job->brief = i > 0;
		job->remove_store = remove_last && i + 1 == set->count;
		code = ct_export_run(job, &error);
		if (code)
			return fail(ct_error_exit_code(code), &error, remove_last ? job->input : NULL);
	}
	/* A good export at exit has removed it already. */
	if (remove_store && remove(job->input) < 0 && errno != ENOENT)
		return ct_cmd_fail(COMMAND, CT_EXIT_UNREADABLE, "%s: cannot be removed: %s", job->input,
				   strerror(errno));
	return CT_EXIT_FINE;
}

static int apply(struct ct_export *job, struct ct_selection *selection, int option)
{
	int code;
	if (option == 'm')
		return set_metric(job, optarg);
	return ct_select_option(COMMAND, selection, option, optarg, &code) ? code : CT_EXIT_USAGE;
}

int ct_cmd_export(int argc, char **argv)
{
	struct ct_selection selection = {0};
	struct ct_export job = {.selection = &selection};
	struct ct_format_set set = {0};
	struct ct_error_text error;
	bool remove_store = false;
	int option, code = CT_EXIT_FINE;
	argv[0] = "ctrace " COMMAND; /* for getopt's messages */
	optind = 1;
	while (!code && (option = getopt_long(argc, argv, "f:m:o:h", options, NULL)) != -1) {
		switch (option) {
		case 'f':
			if (ct_format_parse(optarg, &set, &error))
				code = fail(CT_EXIT_USAGE, &error, job.remove_store ? argv[argc - 1] : NULL);
			break;
		case 'o':
			job.output = optarg;
			break;
		case OPT_REMOVE:
			remove_store = true;
			break;
		case OPT_EVENTS:
			job.events = true;
			break;
		case OPT_LIVE:
			job.live = true;
			break;
		case OPT_AT_EXIT:
			job.remove_store = true;
			break;
		case 'h':
			print_help(stdout);
			ct_selection_fini(&selection);
			return CT_EXIT_FINE;
		default:
			code = apply(&job, &selection, option);
		}
	}
	if (!code && optind + 1 != argc)
		code = ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "name one input; see ctrace export --help");
	if (!code) {
		job.input = argv[optind];
		if (!set.count)
			set = (struct ct_format_set){{ct_formats}, 1};
		code = run(&job, &set, remove_store);
	}
	ct_selection_fini(&selection);
	return code;
}
