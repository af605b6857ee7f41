/* SPDX-License-Identifier: MIT */
/*
 * ctrace html: writes a profile, or the changes between two, as a page. It is short for `ctrace export -f html` and
 * `ctrace diff -f html`.
 */
#include "cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/diff_files.h"
#include "cmd/shared_options.h"
#include "export/export.h"
#include "util/message.h"

#define COMMAND "html"

/* Turn "new.json" into "new.diff.html"; to be freed. */
static char *page_name(const char *path)
{
	char *name;
	return asprintf(&name, "%.*s.diff.html", (int)ct_export_stem(path), path) < 0 ? NULL : name;
}

static int write_diff(const struct ct_export *job, char **paths, struct ct_error_text *error)
{
	struct ct_diff_files files = {.paths = {paths[CT_DIFF_OLD], paths[CT_DIFF_NEW]}, .selection = job->selection};
	enum ct_metric metric = job->metric;
	char *name = job->output ? strdup(job->output) : page_name(files.paths[CT_DIFF_NEW]);
	int code = name ? ct_diff_files_load(&files, &metric, error) : ct_error_no_memory(error);
	if (!code)
		code = ct_diff_files_page(&files, metric, name, error);
	if (!code && !job->output)
		ct_message("report %s", name);
	ct_diff_files_fini(&files);
	free(name);
	return code;
}

struct request {
	struct ct_export job;
	struct ct_selection selection;
};

static const struct ct_option options[] = {
	{.letter = 'o',
	 .name = "output",
	 .argument = "FILE",
	 .help = "the page to write; - is stdout. Default: named after FILE, or NEW.diff.html",
	 .set = ct_set_text,
	 .at = offsetof(struct request, job.output),
	 .file = true},
	{.letter = 'm',
	 .name = "metric",
	 .argument = "METRIC",
	 .help = "what the graph shows first",
	 .standard = "total-bytes",
	 .set = ct_set_metric,
	 .at = offsetof(struct request, job.metric),
	 .value = ct_values_metrics,
	 .values_shown = true},
};

static int write_page(struct request *request, char **paths, int count)
{
	struct ct_export *job = &request->job;
	struct ct_error_text error;
	if (count != 1 && count != CT_DIFF_SIDES)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "name one file, or two to compare; see ctrace html --help");
	if (ct_selection_any(&request->selection) && !job->output)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "-o is required with --focus, --ignore or --hide");
	job->brief = !job->output;
	int code = count == 1 ? ct_export_file(job, paths[0], &error) : write_diff(job, paths, &error);
	return code ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line) : CT_EXIT_FINE;
}

static int run(int argc, char **argv)
{
	struct request request = {.job.format = ct_format_find("html")};
	int code, rest = ct_command_begin(&ct_command_html, &request, argc, argv, &code);
	request.job.selection = &request.selection;
	if (rest >= 0)
		code = write_page(&request, argv + rest, argc - rest);
	ct_selection_fini(&request.selection);
	return code;
}

const struct ct_command ct_command_html = {
	.name = COMMAND,
	.summary = "make a page for a browser",
	.usage = "[options] FILE [NEW]",
	.about =
		"Write a page for a browser, all in one file: summary, chart over time, call graph, sites. FILE is a store, or a "
		"report of ctrace, Valgrind's DHAT or dhat-rs. With NEW the page shows what changed, as ctrace diff does.",
	.groups = {CT_OPTION_GROUP(options, 0),
		   CT_OPTION_GROUP(ct_select_options, offsetof(struct request, selection))},
	.run = run,
};
