/* SPDX-License-Identifier: MIT */
/* ctrace export: turns a store, or a report of any producer, into a file in another format. */
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/shared_options.h"
#include "export/export.h"
#include "load/load.h"
#include "record/left_store.h"

#define COMMAND "export"

struct request {
	struct ct_export job;
	struct ct_selection selection;
	struct ct_format_set formats;
	bool remove_store;
	bool at_exit; /* called by the preload library: export, print a summary, remove the store unless it is to be
			 kept */
};

/* Print the error. left: the store that stays behind after a failed export at exit, or NULL. */
static int fail(int status, const struct ct_error_text *error, const char *left)
{
	return ct_cmd_fail(COMMAND, status, "%s%s%s", error->line, left ? "; the store stays: " : "", left ? left : "");
}

/* Allow --remove-store only for a store that its program no longer uses, and never for a report. */
static int check_removable(const char *input)
{
	struct ct_error_text error;
	struct ct_left_store left;
	char *path;
	int is_store = ct_is_store(input, &error);
	if (is_store < 0)
		return fail(ct_error_exit_code(is_store), &error, NULL);
	if (!is_store)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s is not a store; --remove-store is for stores", input);
	path = realpath(input, NULL);
	bool in_use = path && ct_left_store_read(AT_FDCWD, path, &left) && ct_left_store_in_use(&left, path);
	free(path);
	return in_use ? ct_cmd_fail(COMMAND, CT_EXIT_USAGE,
				    "%s: pid %u still records into it; export it without --remove-store", input,
				    left.pid)
		      : CT_EXIT_FINE;
}

static int export(struct ct_export *job, const struct ct_format_set *set, bool remove_store)
{
	struct ct_error_text error;
	bool remove_last = job->remove_store;
	int code = remove_store ? check_removable(job->input) : CT_EXIT_FINE;
	if (code)
		return code;
	if (ct_selection_any(job->selection) && (remove_store || remove_last || !job->output))
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s",
				   job->output ? "--remove-store cannot be combined with --focus, --ignore or --hide"
					       : "-o is required with --focus, --ignore or --hide");
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
	/* A successful export at exit has already removed it. */
	if (remove_store && remove(job->input) < 0 && errno != ENOENT)
		return ct_cmd_fail(COMMAND, CT_EXIT_UNREADABLE, "%s: cannot be removed: %s", job->input,
				   strerror(errno));
	return CT_EXIT_FINE;
}

static const struct ct_option options[] = {
	{.letter = 'f',
	 .name = "format",
	 .argument = "FORMAT",
	 .help = "output format, comma-separated list allowed",
	 .standard = "dhat",
	 .set = ct_set_formats,
	 .at = offsetof(struct request, formats),
	 .value = ct_values_formats,
	 .values_shown = true,
	 .list = true},
	{.letter = 'm',
	 .name = "metric",
	 .argument = "METRIC",
	 .help = "number to export (formats with one number per stack) or to show first",
	 .set = ct_set_metric,
	 .at = offsetof(struct request, job.metric),
	 .value = ct_values_metrics,
	 .values_shown = true},
	{.letter = 'o',
	 .name = "output",
	 .argument = "FILE",
	 .help = "the file to write; - is stdout. Default: named after the input, or as the recording wanted it",
	 .set = ct_set_text,
	 .at = offsetof(struct request, job.output),
	 .file = true},
	{.name = "events",
	 .help = "export the program's own events instead of the heap (stores only)",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, job.events)},
	{.name = "live",
	 .help = "INPUT is the pid or the store of a running program; -o FILE.store makes a whole copy of the store",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, job.live)},
	{.name = "remove-store",
	 .help = "remove the store after a successful export",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, remove_store)},
	{.name = "at-exit", .set = ct_set_flag, .at = offsetof(struct request, at_exit)},
};

static int run(int argc, char **argv)
{
	struct request request = {0};
	struct ct_error_text error;
	int rest, code = ct_command_parse(&ct_command_export, &request, argc, argv, &rest, &error);
	request.job.selection = &request.selection;
	request.job.remove_store = request.at_exit;
	if (code == CT_COMMAND_HELP) {
		ct_command_help(&ct_command_export, stdout);
		code = fflush(stdout) ? CT_EXIT_UNREADABLE : CT_EXIT_FINE;
	} else if (code) { /* at exit, the program's CTRACE_FORMAT is a value here and may be wrong */
		code = fail(ct_error_exit_code(code), &error, request.at_exit ? argv[argc - 1] : NULL);
	} else if (argc - rest != 1) {
		code = ct_cmd_fail_files(COMMAND, argc - rest);
	} else {
		request.job.input = argv[rest];
		if (!request.formats.count)
			request.formats = (struct ct_format_set){{ct_formats}, 1};
		code = export(&request.job, &request.formats, request.remove_store);
	}
	ct_selection_fini(&request.selection);
	return code;
}

const struct ct_command ct_command_export = {
	.name = COMMAND,
	.summary = "turn a store or a report into a file for another tool",
	.usage = "[options] INPUT",
	.about = "Turn a store (FILE.json.store) or a report of ctrace, Valgrind's DHAT or dhat-rs into another file.",
	.groups = {CT_OPTION_GROUP(options, 0),
		   CT_OPTION_GROUP(ct_select_options, offsetof(struct request, selection))},
	.run = run,
};
