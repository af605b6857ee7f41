/* SPDX-License-Identifier: MIT */
/*
 * ctrace html: writes a profile, or the changes between two, as a page. It is short for `ctrace export -f html` and
 * `ctrace diff -f html`.
 */
#include "cmd/cmd.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/config.h"
#include "cmd/diff_files.h"
#include "cmd/pick.h"
#include "cmd/shared_options.h"
#include "export/export.h"
#include "live/process.h"
#include "names/number.h"
#include "util/browser.h"
#include "util/message.h"
#include "write/editor_link.h"
#include "write/file.h"
#include "write/html.h"

#define COMMAND "html"

/* Turn "new.json" into "new.diff.html"; to be freed. */
static char *page_name(const char *path)
{
	char *name;
	return asprintf(&name, "%.*s.diff.html", (int)ct_export_stem(path), path) < 0 ? NULL : name;
}

static int write_diff(const struct ct_export *job, char **paths, struct ct_error_text *error)
{
	struct ct_diff_files files = {.paths = {paths[CT_DIFF_OLD], paths[CT_DIFF_NEW]},
				      .selection = job->selection,
				      .stacks = CT_DIFF_ALL_FRAMES,
				      .split_threads = job->html->split_threads,
				      .html = job->html};
	enum ct_metric metric = job->metric;
	char *name = job->output ? strdup(job->output) : page_name(files.paths[CT_DIFF_NEW]);
	int code = name ? ct_diff_files_load(&files, &metric, error) : ct_error_no_memory(error);
	bool replaces = !code && ct_out_replaces(name);
	if (!code)
		code = ct_diff_files_page(&files, metric, name, error);
	if (!code && !job->output)
		ct_export_say(name, replaces);
	ct_diff_files_fini(&files);
	*job->written = name;
	return code;
}

struct request {
	struct ct_export job;
	int pid; /* show this process; 0: files */
	bool open; /* in the browser */
	bool source;
	struct ct_html html;
	struct ct_source_sum sum;
	struct ct_selection selection;
	struct ct_config config;
};

static int set_link(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	(void)option;
	*(const char **)member = value;
	return ct_editor_link_check(value, error);
}

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
	{.name = "open",
	 .help = "open the page in the browser (xdg-open, or $BROWSER)",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, open)},
	{.letter = 'p',
	 .name = "pid",
	 .argument = "PID",
	 .help = "show a running program as it is now; the page is called PID.html",
	 .set = ct_set_pid,
	 .at = offsetof(struct request, pid)},
	{.name = "split-threads",
	 .help = "with threads recorded, do not fold equal stacks of several threads at first",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, html.split_threads)},
	{.name = "source",
	 .help = "put the lines of source around the program's own frames into the page",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, source)},
	{.name = "source-path",
	 .argument = "DIRS",
	 .help = "colon-separated folders with source files that have moved",
	 .set = ct_set_text,
	 .at = offsetof(struct request, html.source_path),
	 .file = true},
	{.name = "editor-link",
	 .argument = "URL",
	 .help = "what a click on FILE:LINE opens, with {path} and {line} in it; none: nothing",
	 .standard = CT_EDITOR_LINK,
	 .set = set_link,
	 .at = offsetof(struct request, html.editor_link)},
};

/* The page of a running program. */
static int write_live(const struct ct_export *job, int pid, struct ct_error_text *error)
{
	char store[PATH_MAX], name[32];
	struct ct_input input = {.path = store, .fd = ct_process_open_store(pid, store, error), .is_store = true};
	struct ct_export live = *job;
	if (input.fd < 0)
		return input.fd;
	snprintf(name, sizeof(name), "%d.html", pid);
	live.input = &input;
	live.live = true;
	live.output = job->output ? job->output : name;
	bool replaces = ct_out_replaces(live.output);
	int code = ct_export_run(&live, error);
	if (!code && !job->output)
		ct_export_say(name, replaces);
	ct_input_close(&input);
	return code;
}

/* Say what of the source is in the page, since the page may be passed on. */
static void report_source(const struct ct_source_sum *sum)
{
	char a[CT_NUMBER_ROOM], b[CT_NUMBER_ROOM];
	if (sum->lines)
		ct_message(
			"source is inside the page: %s line%s of %s file%s; pass it on only to readers who may see them",
			ct_number_exact(a, sum->lines), sum->lines == 1 ? "" : "s", ct_number_exact(b, sum->files),
			sum->files == 1 ? "" : "s");
	else if (!sum->missing && !sum->other)
		ct_message(
			"no source is inside the page: no line of the program's own code is known; build it with -g");
	if (sum->missing)
		ct_message("%s source file%s not found; --source-path names folders to look in",
			   ct_number_exact(a, sum->missing), sum->missing == 1 ? " was" : "s were");
	if (sum->other)
		ct_message("%s file%s not source code by %s and not in the page", ct_number_exact(a, sum->other),
			   sum->other == 1 ? " is" : "s are", sum->other == 1 ? "its name" : "their names");
	if (sum->left)
		ct_message("%s with few bytes %s not among them", ct_number_count(a, sum->left, "lines"),
			   sum->left == 1 ? "is" : "are");
}

/* Options of the command line take the place of settings. */
static int configure(struct request *request, struct ct_error_text *error)
{
	struct ct_html *html = &request->html;
	int code = ct_config_read(&request->config, error);
	if (!html->source_path)
		html->source_path = request->config.source_path;
	if (!html->editor_link)
		html->editor_link = request->config.editor_link;
	html->source = request->source ? &request->sum : NULL;
	request->job.html = html;
	return code;
}

static int write_page(struct request *request, char **paths, int count)
{
	struct ct_export *job = &request->job;
	char *picked[CT_DIFF_SIDES] = {NULL}, *page = NULL;
	struct ct_error_text error;
	int code = CT_OK;
	if (request->pid ? count != 0 : count != 1 && count != CT_DIFF_SIDES)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE,
				   "name one file, or two to compare, or a process with -p; see ctrace html --help");
	if (request->open && job->output && !strcmp(job->output, "-"))
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "--open needs a file, not stdout");
	if (request->source && count == CT_DIFF_SIDES)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "--source is for one recording, not for two");
	if (ct_selection_any(&request->selection) && !job->output)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "-o is required with --focus, --ignore or --hide");
	if (count == 1 && paths[0][strspn(paths[0], "0123456789")] == '\0' && access(paths[0], F_OK) < 0)
		return ct_cmd_fail(COMMAND, CT_EXIT_UNREADABLE,
				   "%s: no such file; for a running program: ctrace html -p %s", paths[0], paths[0]);
	job->brief = !job->output;
	job->written = &page;
	code = configure(request, &error);
	for (int i = 0; i < count && !code; i++)
		code = ct_pick(COMMAND, paths[i], NULL, &picked[i], &error);
	ct_cmd_begin_work("writing the page", !code && count == 1 && ct_export_is_store(picked[0]) ? picked[0] : NULL);
	if (!code)
		code = request->pid ? write_live(job, request->pid, &error)
		       : count == 1 ? ct_export_file(job, picked[0], &error)
				    : write_diff(job, picked, &error);
	ct_cmd_end_work();
	if (!code && request->source)
		report_source(&request->sum);
	if (!code && request->open)
		code = ct_browser_open(page, &error);
	for (int i = 0; i < count; i++)
		free(picked[i]);
	free(page);
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
	ct_config_fini(&request.config);
	return code;
}

const struct ct_command ct_command_html = {
	.name = COMMAND,
	.summary = "make a page for a browser",
	.usage = "[options] FILE [NEW]\n"
		 "[options] -p PID",
	.about =
		"Write a page for a browser, all in one file: summary, chart over time, call graph, sites, functions, leaks, threads, findings. FILE is a store, or a "
		"report of ctrace, Valgrind's DHAT or dhat-rs. With NEW the page shows what changed, as ctrace diff does.",
	.groups = {CT_OPTION_GROUP(options, 0), CT_OPTION_GROUP(ct_select_options, offsetof(struct request, selection)),
		   CT_OPTION_GROUP(ct_sysroot_options, 0), CT_OPTION_GROUP(ct_debuginfod_options, 0)},
	.run = run,
};
