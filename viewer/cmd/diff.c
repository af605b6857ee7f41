/* SPDX-License-Identifier: MIT */
/* ctrace diff: shows what changed between two recordings. */
#include "cmd/cmd.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/config.h"
#include "cmd/diff_files.h"
#include "cmd/pick.h"
#include "cmd/shared_options.h"
#include "view/diff.h"
#include "view/pager.h"
#include "write/diff.h"
#include "write/file.h"

#define COMMAND "diff"
#define ROWS_DEFAULT 20

enum format { FORMAT_TEXT, FORMAT_JSON, FORMAT_FOLDED, FORMAT_HTML, FORMATS };

struct request {
	struct ct_diff_view view;
	enum format format;
	enum ct_color_mode color;
	const char *output;
	struct ct_selection selection;
	struct ct_patterns functions; /* from --peek */
	struct ct_diff_files files;
	struct ct_config config;
};

static const char *const formats[] = {"text", "json", "folded", "html", NULL};

static int set_peek(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	return ct_patterns_add(member, option->name, value, error);
}

static const struct ct_option options[] = {
	{.letter = 'm',
	 .name = "metric",
	 .argument = "METRIC",
	 .help = "what to compare",
	 .standard = "total-bytes",
	 .set = ct_set_metric,
	 .at = offsetof(struct request, view.metric),
	 .value = ct_values_metrics,
	 .values_shown = true},
	{.letter = 'n',
	 .name = "rows",
	 .argument = "N",
	 .help = "rows to show, 0 = all",
	 .standard = "20",
	 .set = ct_set_rows,
	 .at = offsetof(struct request, view.rows)},
	{.name = "min",
	 .argument = "PERCENT",
	 .help = "leave out smaller changes, in percent of the old total",
	 .standard = "0",
	 .set = ct_set_percent,
	 .at = offsetof(struct request, view.min_percent)},
	{.letter = 'p',
	 .name = "pid",
	 .argument = "PID",
	 .help = "compare OLD with this running process, as it is now",
	 .set = ct_set_pid,
	 .at = offsetof(struct request, files.pid)},
	{.name = "peek",
	 .argument = "RE",
	 .help = "callers and callees of matching functions, each with its old and new number",
	 .set = set_peek,
	 .at = offsetof(struct request, functions)},
	{.name = "full",
	 .help = "show the whole stack below each row",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, view.full)},
	{.name = "split-threads",
	 .help = "with threads recorded, do not fold equal stacks of several threads",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, files.split_threads)},
	{.name = "all-frames",
	 .help = "compare whole stacks, with the functions of the C, C++ and Rust libraries",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, view.all_frames)},
	{.name = "bytes", .help = "show exact numbers", .set = ct_set_flag, .at = offsetof(struct request, view.exact)},
	{.letter = 'f',
	 .name = "format",
	 .argument = "FORMAT",
	 .help = "text, json (for scripts), folded (for flamegraph.pl) or html (a page); all but text have all rows",
	 .standard = "text",
	 .set = ct_set_choice,
	 .at = offsetof(struct request, format),
	 .choices = formats},
	{.letter = 'o',
	 .name = "output",
	 .argument = "FILE",
	 .help = "write to a file instead of stdout",
	 .set = ct_set_text,
	 .at = offsetof(struct request, output),
	 .file = true},
};

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
		ct_pager_begin(&terminal, file.stream);
		request->view.diff = diff;
		request->view.terminal = &terminal;
		request->view.out = file.stream;
		code = request->functions.count ? ct_view_diff_peek(&request->view, &request->functions, error)
						: ct_view_diff(&request->view, error);
	} else if (!code) {
		code = writers[request->format](diff, request->view.metric, file.stream, error);
	}
	code = ct_out_close(&file, code, error);
	/* A reader that has gone away (`| head`) is not an error. */
	return code == CT_ERR_IO && errno == EPIPE ? CT_OK : code;
}

static int compare(struct request *request, struct ct_error_text *error)
{
	ct_cmd_begin_work("comparing", NULL);
	int code = ct_config_read(&request->config, error);
	if (!code)
		code = ct_config_hide(&request->config, &request->selection, error);
	if (!code)
		code = ct_diff_files_load(&request->files, &request->view.metric, error);
	if (!code)
		code = write_out(request, &request->files.diff, error);
	ct_cmd_end_work();
	return code;
}

static int run(int argc, char **argv)
{
	struct request request = {.view = {.rows = ROWS_DEFAULT}, .output = "-"};
	struct ct_error_text error;
	char *picked[CT_DIFF_SIDES] = {NULL};
	int code = CT_OK, rest = ct_command_begin(&ct_command_diff, &request, argc, argv, &code);
	setlocale(LC_CTYPE, "");
	int files = request.files.pid ? CT_DIFF_SIDES - 1 : CT_DIFF_SIDES;
	if (rest >= 0 && argc - rest != files) {
		code = ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "%s; see ctrace diff --help",
				   request.files.pid ? "with -p PID, name one file, the old one"
						     : "name two files, the old one first");
	} else if (rest >= 0 && request.functions.count &&
		   (request.format != FORMAT_TEXT || request.view.full || request.view.all_frames)) {
		code = ct_cmd_fail(COMMAND, CT_EXIT_USAGE,
				   "--peek is for text, without --full and --all-frames: it has all functions");
	} else if (rest >= 0) {
		for (int side = 0; side < files && !code; side++) {
			code = ct_pick(COMMAND, argv[rest + side], NULL, &picked[side], &error);
			request.files.paths[side] = picked[side];
		}
		request.files.selection = &request.selection;
		/* the other formats have whole stacks */
		request.files.stacks =
			request.view.all_frames || request.functions.count || request.format != FORMAT_TEXT
				? CT_DIFF_ALL_FRAMES
				: CT_DIFF_OWN;
		if (!code)
			code = compare(&request, &error);
		if (code)
			code = ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line);
	}
	ct_diff_files_fini(&request.files);
	ct_selection_fini(&request.selection);
	ct_patterns_fini(&request.functions);
	for (int side = 0; side < CT_DIFF_SIDES; side++)
		free(picked[side]);
	ct_config_fini(&request.config);
	return code;
}

const struct ct_command ct_command_diff = {
	.name = COMMAND,
	.summary = "show what changed between two recordings, even of different builds",
	.usage = "[options] OLD NEW\n[options] -p PID OLD",
	.about =
		"Show what changed between two recordings: stores, or reports of ctrace, Valgrind's DHAT or dhat-rs. Sites are the "
		"same when their functions are, whatever the build; the changes add up to the change of the total.",
	.groups = {CT_OPTION_GROUP(options, 0), CT_OPTION_GROUP(ct_select_options, offsetof(struct request, selection)),
		   CT_OPTION_GROUP(ct_page_options, offsetof(struct request, color)),
		   CT_OPTION_GROUP(ct_sysroot_options, 0)},
	.run = run,
};
