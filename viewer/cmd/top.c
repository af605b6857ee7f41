/* SPDX-License-Identifier: MIT */
/* ctrace top, also ctrace-top: shows a report as text in the terminal. */
#include "cmd/cmd.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/config.h"
#include "cmd/pick.h"
#include "cmd/top_options.h"
#include "doctor/package.h"
#include "live/live.h"
#include "load/load.h"
#include "model/threads.h"
#include "names/names.h"
#include "symbol/sysroot.h"
#include "view/caveat.h"
#include "view/pager.h"

#define COMMAND "top"
#define ROWS_DEFAULT 20

struct request {
	struct ct_top_request top;
	enum ct_color_mode color;
	struct ct_terminal terminal;
	const char *path;
	struct ct_target *target;
	struct ct_config config;
};

static const struct ct_option options[] = {
	{.name = "min",
	 .argument = "PERCENT",
	 .help = "with --tree, leave out branches below this",
	 .standard = "1",
	 .set = ct_set_percent,
	 .at = offsetof(struct request, top.view.min_percent)},
	{.name = "bytes",
	 .help = "show exact numbers",
	 .set = ct_set_flag,
	 .at = offsetof(struct request, top.view.exact)},
};

/* Flush the output. A reader that has gone away (`| head`) is not an error. */
static int flush(struct request *request)
{
	if (fflush(request->top.view.out) == 0 && !ferror(request->top.view.out))
		return CT_EXIT_FINE;
	if (errno == EPIPE)
		return CT_EXIT_FINE;
	return ct_cmd_fail(COMMAND, CT_EXIT_UNREADABLE, "cannot write the table: %s", strerror(errno));
}

/* Refuse what the interactive view cannot show, or cannot show for a changing profile. */
static int check_interactive(const struct request *request)
{
	const struct ct_top_request *top = &request->top;
	/* --resident chooses columns, which the interactive view has too. */
	bool possible = (top->kind == CT_TOP_ROWS || top->kind == CT_TOP_TREE) &&
			(top->form == CT_TOP_TEXT || (top->resident && !top->interactive)) &&
			top->view.by != CT_BY_FILE && top->view.by != CT_BY_LINE &&
			(!top->view.column_count || top->resident) &&
			!(top->only_leaks && (top->kind != CT_TOP_ROWS || top->view.by != CT_BY_SITE)) &&
			!top->view.spreads[CT_HISTOGRAM_SIZES] && !top->view.spreads[CT_HISTOGRAM_LIFETIMES];
	if (!request->top.interactive && !request->top.pid)
		return CT_EXIT_FINE;
	if (!possible)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE,
				   "-i and -p show sites, functions, modules, threads and trees: not --by file, --by "
				   "line, --columns, --list, --peek, --json or --csv, and --leaks with neither "
				   "--by nor --tree; sizes and lifetimes are above the stack");
	if (request->top.pid && ct_selection_any(&top->selection))
		return ct_cmd_fail(
			COMMAND, CT_EXIT_USAGE,
			"-p takes no --focus, --min-size or others of their kind: the key f filters what it shows");
	return CT_EXIT_FINE;
}

static bool is_live(const struct request *request)
{
	return (request->top.interactive || request->top.pid) && request->top.form == CT_TOP_TEXT && ct_live_possible();
}

static int show_live(const struct request *request)
{
	static const enum ct_rows_kind kinds[CT_BY_COUNT] = {
		[CT_BY_SITE] = CT_ROWS_SITES,     [CT_BY_FUNCTION] = CT_ROWS_FUNCTIONS,
		[CT_BY_MODULE] = CT_ROWS_MODULES, [CT_BY_THREAD] = CT_ROWS_THREADS,
		[CT_BY_TAG] = CT_ROWS_TAGS,
	};
	const struct ct_top_request *top = &request->top;
	struct ct_live_request live = {
		.view = &top->view,
		.kind = top->only_leaks            ? CT_ROWS_LEAKS
			: top->kind == CT_TOP_TREE ? CT_ROWS_CALLEES
						   : kinds[top->view.by],
		.suppressions = &top->leaks,
		.target = request->target,
	};
	struct ct_error_text error;
	int code;
	if (top->view.by == CT_BY_THREAD && !top->view.profile->has_threads)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE,
				   "%s has no threads: record with --threads (CTRACE_THREADS=1)", request->path);
	if (top->view.by == CT_BY_TAG && !top->view.profile->has_tags)
		return ct_cmd_fail(COMMAND, CT_EXIT_USAGE,
				   "%s has no tags: the program calls ctrace_tag_push, see ctrace(3)", request->path);
	code = ct_live_run(&live, &error);
	return code < 0 ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line) : CT_EXIT_FINE;
}

/* If an object file has no names for much of what is shown, say how they are installed, unless it is another system's.
 */
static void print_nameless(const struct ct_profile *profile)
{
	char command[CT_PACKAGE_ROOM];
	const char *path = ct_package_nameless(profile);
	if (path && !ct_sysroot() && ct_package_command("", path, command))
		ct_cmd_fail(COMMAND, 0, "names: %s has none of its own: %s", ct_name_base(path), command);
}

/* Show a plain view, in which threads are folded unless they are what it is about. */
static int show_folded(struct request *request, struct ct_profile *profile, struct ct_error_text *error)
{
	struct ct_view *view = &request->top.view;
	bool folds = profile->has_threads && !view->split_threads && view->by != CT_BY_THREAD;
	struct ct_profile folded = {0};
	int code = folds ? ct_threads_fold(profile, &folded, error) : CT_OK;
	view->profile = folds ? &folded : profile;
	if (code == 0 && request->top.only_leaks)
		code = ct_top_keep_leaks(&request->top, folds ? &folded : profile, error);
	if (code == 0)
		code = ct_top_show(&request->top, error);
	ct_threads_fini(&folded);
	return code;
}

static int show(struct request *request, struct ct_profile *profile)
{
	struct ct_view *view = &request->top.view;
	struct ct_selected selected;
	struct ct_error_text error;
	int code = ct_top_check_profile(COMMAND, &request->top, request->path);
	if (code != CT_EXIT_FINE)
		return code;
	code = ct_select(profile, &request->top.selection, &selected, &error);
	if (code == 0 && ct_selection_any(&request->top.selection)) {
		ct_caveat_selected(&selected);
		view->selected = &selected;
		view->whole = &selected.totals;
	}
	if (code == 0 && is_live(request))
		return show_live(request);
	if (code == 0 && request->top.form == CT_TOP_TEXT) {
		print_nameless(profile); /* before the pager has the terminal */
		ct_pager_begin(&request->terminal, stdout);
	}
	if (code == 0)
		code = show_folded(request, profile, &error);
	if (code < 0)
		return ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s: %s", request->path, error.line);
	return flush(request);
}

/* Open a running program. By default, its profile is sorted by what is live now. */
static int open_target(struct request *request, struct ct_profile **profile, struct ct_error_text *error)
{
	int code = ct_target_open(request->top.pid, &request->target, error);
	if (code < 0)
		return code;
	*profile = ct_target_profile(request->target);
	if (request->top.resident && (code = ct_target_take_ledger(request->target, error)) < 0) {
		ct_target_close(request->target);
		request->target = NULL;
		return code;
	}
	if (!request->top.sort_given)
		request->top.view.sort = CT_COLUMN_END;
	if (ct_target_state(request->target) == CT_TARGET_STOPPED)
		ct_cmd_fail(COMMAND, 0, "the recording of process %d has stopped: %s; this is what it had until then",
			    request->top.pid, ct_target_reason(request->target));
	return code;
}

/* Show a file or a process, as the options say. */
static int show_input(struct request *request)
{
	struct ct_profile *profile;
	struct ct_error_text error;
	int code = request->top.pid ? open_target(request, &profile, &error) : ct_load(request->path, &profile, &error);
	if (code < 0)
		return ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line);
	if (!request->top.pid)
		ct_caveat_input(profile, request->path);
	ct_terminal_probe(&request->terminal, stdout, request->color);
	request->top.view.terminal = &request->terminal;
	request->top.view.profile = profile;
	ct_top_keep_known_columns(&request->top);
	if (!request->top.sort_given && !request->top.view.column_count && !request->top.pid)
		request->top.view.sort = ct_block_filter_any(&request->top.selection.blocks) ? CT_COLUMN_MATCHING
											     : ct_column_main(profile);
	code = show(request, profile);
	if (request->target)
		ct_target_close(request->target);
	else
		ct_profile_free(profile);
	return code;
}

/* Show a file. Of a folder, list the reports, and show the largest. */
static int show_file(struct request *request, const char *word)
{
	struct ct_error_text error;
	bool list = request->top.form == CT_TOP_TEXT && !is_live(request);
	char *path;
	int code = ct_pick(COMMAND, word, list ? stdout : NULL, &path, &error);
	request->path = path;
	code = code ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line) : show_input(request);
	free(path);
	return code;
}

/* A running program's profile takes no selection, and its columns are others. */
static int configure(struct request *request)
{
	struct ct_error_text error;
	int code = request->top.pid ? CT_OK : ct_config_read(&request->config, &error);
	if (!code)
		code = ct_config_hide(&request->config, &request->top.selection, &error);
	if (!code)
		code = ct_top_configure(&request->top, &request->config, &error);
	return code ? ct_cmd_fail(COMMAND, ct_error_exit_code(code), "%s", error.line) : CT_EXIT_FINE;
}

static int run(int argc, char **argv)
{
	struct request request = {
		.path = "the recording",
		.top.view = {.out = stdout, .sort = CT_COLUMN_TOTAL, .rows = ROWS_DEFAULT, .min_percent = 1},
	};
	int code, rest = ct_command_begin(&ct_command_top, &request, argc, argv, &code);
	setlocale(LC_CTYPE, "");
	if (rest >= 0) {
		code = CT_EXIT_FINE;
		if (request.top.pid && rest != argc)
			code = ct_cmd_fail(COMMAND, CT_EXIT_USAGE, "-p takes no file; see ctrace top --help");
		else if (!request.top.pid && rest + 1 != argc)
			code = ct_cmd_fail_files(COMMAND, argc - rest);
		if (!code)
			code = configure(&request);
		if (!code)
			code = ct_top_check_options(COMMAND, &request.top);
		if (!code)
			code = check_interactive(&request);
		if (!code)
			code = request.top.pid ? show_input(&request) : show_file(&request, argv[rest]);
	}
	ct_top_fini(&request.top);
	ct_config_fini(&request.config);
	return code;
}

const struct ct_command ct_command_top = {
	.name = COMMAND,
	.summary = "show who allocates, in the terminal (also: ctrace-top)",
	.usage = "[options] FILE\n"
		 "[options] -p PID",
	.about =
		"Show who allocates. FILE is a report of ctrace, Valgrind's DHAT or dhat-rs, a store, or a heap profile of pprof, gperftools, jemalloc, massif or heaptrack.",
	.groups = {CT_OPTION_GROUP(ct_top_options, offsetof(struct request, top)), CT_OPTION_GROUP(options, 0),
		   CT_OPTION_GROUP(ct_select_options, offsetof(struct request, top.selection)),
		   CT_OPTION_GROUP(ct_page_options, offsetof(struct request, color)),
		   CT_OPTION_GROUP(ct_sysroot_options, 0), CT_OPTION_GROUP(ct_debuginfod_options, 0)},
	.run = run,
};
