/* SPDX-License-Identifier: MIT */
#include "cmd/top_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "write/write.h"

static int fail_column(const char *command, const char *option, const char *value)
{
	char list[CT_COLUMN_LIST_ROOM];

	return ct_cmd_fail(command, CT_EXIT_USAGE, "--%s %s: it is %s", option, value, ct_column_list(list));
}

static int set_sort(const char *command, struct ct_top_request *request, const char *value)
{
	request->sort_given = true;
	return ct_column_find(value, strlen(value), &request->view.sort) ? CT_EXIT_FINE
									 : fail_column(command, "sort", value);
}

static int set_columns(const char *command, struct ct_view *view, const char *value)
{
	view->column_count = 0;
	for (const char *at = value;; at++) {
		size_t length = strcspn(at, ",");
		enum ct_column column;

		if (!ct_column_find(at, length, &column))
			return fail_column(command, "columns", value);
		for (int i = 0; i < view->column_count; i++)
			if (view->columns[i] == column)
				return ct_cmd_fail(command, CT_EXIT_USAGE, "--columns %s: %s stands there twice", value,
						   ct_column_name(column));
		view->columns[view->column_count++] = column;
		at += length;
		if (!*at)
			return CT_EXIT_FINE;
	}
}

static int set_rows(const char *command, struct ct_top_request *request, const char *value)
{
	char *end;

	errno = 0;
	request->view.rows = strtoul(value, &end, 10);
	request->rows_given = true;
	return *value >= '0' && *value <= '9' && *end == '\0' && errno == 0
		       ? CT_EXIT_FINE
		       : ct_cmd_fail(command, CT_EXIT_USAGE, "-n %s: not a number of rows (0 = all)", value);
}

static int set_by(const char *command, struct ct_view *view, const char *value)
{
	for (int i = 0; i < CT_BY_COUNT; i++) {
		view->by = (enum ct_group_by)i;
		if (!strcmp(value, ct_group_by_name(view->by)))
			return CT_EXIT_FINE;
	}
	return ct_cmd_fail(command, CT_EXIT_USAGE, "--by %s: it is site, function, file, line, module or thread",
			   value);
}

/* One kind of view at a time. */
static int set_kind(const char *command, struct ct_top_request *request, enum ct_top_kind kind)
{
	if (request->kind != CT_TOP_ROWS && request->kind != kind)
		return ct_cmd_fail(command, CT_EXIT_USAGE, "--tree, --list, --peek and --marks: one at a time");
	request->kind = kind;
	return CT_EXIT_FINE;
}

static int set_functions(const char *command, struct ct_top_request *request, enum ct_top_kind kind, const char *value)
{
	struct ct_error_text error;
	int code = set_kind(command, request, kind);

	if (code)
		return code;
	code = ct_patterns_add(&request->functions, kind == CT_TOP_LIST ? "list" : "peek", value, &error);
	return code ? ct_cmd_fail(command, ct_error_exit_code(code), "%s", error.line) : CT_EXIT_FINE;
}

static int read_suppressions(const char *command, struct ct_leaks *leaks, const char *path)
{
	struct ct_error_text error;
	int code = ct_leaks_read_rules(leaks, path, &error);

	return code ? ct_cmd_fail(command, ct_error_exit_code(code), "--suppressions %s", error.line) : CT_EXIT_FINE;
}

bool ct_top_option(const char *command, struct ct_top_request *request, int option, const char *value, int *code)
{
	*code = CT_EXIT_FINE;
	switch (option) {
	case 's':
		*code = set_sort(command, request, value);
		return true;
	case 'n':
		*code = set_rows(command, request, value);
		return true;
	case CT_OPT_COLUMNS:
		*code = set_columns(command, &request->view, value);
		return true;
	case CT_OPT_BY:
		*code = set_by(command, &request->view, value);
		return true;
	case CT_OPT_CUM:
		request->view.cumulative = true;
		return true;
	case CT_OPT_TREE:
		*code = set_kind(command, request, CT_TOP_TREE);
		return true;
	case CT_OPT_LIST:
		*code = set_functions(command, request, CT_TOP_LIST, value);
		return true;
	case CT_OPT_PEEK:
		*code = set_functions(command, request, CT_TOP_PEEK, value);
		return true;
	case CT_OPT_MARKS:
		*code = set_kind(command, request, CT_TOP_MARKS);
		return true;
	case CT_OPT_SOURCE_PATH:
		request->view.source_path = value;
		return true;
	case CT_OPT_LEAKS:
		request->only_leaks = true;
		return true;
	case CT_OPT_SUPPRESSIONS:
		*code = read_suppressions(command, &request->leaks, value);
		return true;
	case CT_OPT_JSON:
		request->form = CT_TOP_JSON;
		return true;
	case CT_OPT_CSV:
		request->form = CT_TOP_CSV;
		return true;
	default:
		return ct_select_option(command, &request->selection, option, value, code);
	}
}

/* --cum alone means functions; the sorted column is one of those that were asked for. */
static void complete(struct ct_top_request *request)
{
	struct ct_view *view = &request->view;

	if (view->cumulative && view->by == CT_BY_SITE)
		view->by = CT_BY_FUNCTION;
	if (!request->sort_given && view->column_count)
		view->sort = view->columns[0];
	if (!request->rows_given && request->form == CT_TOP_CSV)
		view->rows = 0;
	view->patterns = &request->functions;
}

int ct_top_check_options(const char *command, struct ct_top_request *request)
{
	bool is_table = request->kind == CT_TOP_ROWS && request->form == CT_TOP_TEXT;

	complete(request);
	if (request->leaks.rule_count && !request->only_leaks)
		return ct_cmd_fail(command, CT_EXIT_USAGE, "--suppressions is for --leaks");
	if (request->view.column_count && !is_table && request->kind != CT_TOP_TREE)
		return ct_cmd_fail(command, CT_EXIT_USAGE,
				   "--columns is for tables: --sort chooses a column elsewhere");
	if (request->kind != CT_TOP_ROWS && request->view.by != CT_BY_SITE)
		return ct_cmd_fail(command, CT_EXIT_USAGE,
				   "--by and --cum are for tables, not for --tree, --list, --peek or --marks");
	if (request->form != CT_TOP_TEXT && request->kind != CT_TOP_ROWS)
		return ct_cmd_fail(command, CT_EXIT_USAGE,
				   "--json and --csv are for rows, not for --tree, --list, --peek or --marks");
	if (request->form == CT_TOP_JSON && request->view.by != CT_BY_SITE)
		return ct_cmd_fail(command, CT_EXIT_USAGE,
				   "--json holds the sites: leave --by and --cum out, or take --csv");
	return CT_EXIT_FINE;
}

static int check_column(const char *command, const struct ct_top_request *request, enum ct_column column,
			const char *path)
{
	const struct ct_profile *profile = request->view.profile;
	const char *name = ct_column_name(column);

	if (column >= CT_COLUMN_LOST && column <= CT_COLUMN_REACHABLE && !profile->has_reach)
		return ct_cmd_fail(command, CT_EXIT_USAGE, "%s has no %s: record with CTRACE_REACH=1", path, name);
	if (!ct_column_exists(profile, column))
		return ct_cmd_fail(command, CT_EXIT_USAGE, "%s has no %s: it was recorded without %s", path, name,
				   profile->has_lifetimes ? "it" : "lifetimes; total and blocks are there");
	if ((request->kind != CT_TOP_ROWS || request->view.by != CT_BY_SITE) && !ct_column_sums(column))
		return ct_cmd_fail(command, CT_EXIT_USAGE,
				   "maxima of different sites do not add up: take peak instead of %s", name);
	return CT_EXIT_FINE;
}

int ct_top_keep_leaks(struct ct_top_request *request, struct ct_profile *profile, struct ct_error_text *error)
{
	static const enum ct_column live[] = {CT_COLUMN_END, CT_COLUMN_END_BLOCKS};
	static const enum ct_column classes[] = {CT_COLUMN_LOST, CT_COLUMN_LOST_BLOCKS, CT_COLUMN_INDIRECT,
						 CT_COLUMN_POSSIBLE, CT_COLUMN_REACHABLE};
	struct ct_view *view = &request->view;
	int code = ct_leaks_keep(&request->leaks, profile, error);

	if (!view->column_count) {
		const enum ct_column *columns = profile->has_reach ? classes : live;
		size_t bytes = profile->has_reach ? sizeof(classes) : sizeof(live);

		memcpy(view->columns, columns, bytes);
		view->column_count = (int)(bytes / sizeof(*columns));
		if (!request->sort_given)
			view->sort = columns[0];
	}
	view->leaks = &request->leaks;
	view->whole = &request->leaks.sums;
	return code;
}

int ct_top_check_profile(const char *command, const struct ct_top_request *request, const char *path)
{
	const struct ct_view *view = &request->view;
	int code;

	if (request->kind == CT_TOP_MARKS)
		return view->profile->mark_count
			       ? CT_EXIT_FINE
			       : ct_cmd_fail(command, CT_EXIT_USAGE,
					     "%s has no marks: its program did not call ctrace_mark", path);
	code = check_column(command, request, view->sort, path);
	if (!code && request->only_leaks)
		code = check_column(command, request, CT_COLUMN_END, path);

	for (int i = 0; !code && i < view->column_count; i++)
		code = check_column(command, request, view->columns[i], path);
	if (!code && request->kind != CT_TOP_ROWS && ct_column_share(view->sort) != view->sort)
		code = ct_cmd_fail(command, CT_EXIT_USAGE, "%s has no shares of a whole: sort by another column",
				   ct_column_name(view->sort));
	return code;
}

static int show_text(const struct ct_top_request *request, const struct ct_view *view, struct ct_error_text *error)
{
	switch (request->kind) {
	case CT_TOP_TREE:
		return ct_view_tree(view, error);
	case CT_TOP_LIST:
		return ct_view_source(view, error);
	case CT_TOP_PEEK:
		return ct_view_peek(view, error);
	case CT_TOP_MARKS:
		return ct_view_marks(view, error);
	default:
		return view->by == CT_BY_SITE ? ct_view_sites(view, error) : ct_view_groups(view, error);
	}
}

/* A view that may find nothing to show comes to memory first, so that an error stands alone. */
static int show_found(const struct ct_top_request *request, struct ct_error_text *error)
{
	struct ct_view view = request->view;
	char *text = NULL;
	size_t length;
	int code;

	view.out = open_memstream(&text, &length);
	if (!view.out)
		return ct_error_no_memory(error);
	code = show_text(request, &view, error);
	if (fclose(view.out) && !code)
		code = ct_error_no_memory(error);
	if (!code)
		code = ct_view_summary(&request->view, error);
	if (!code && view.leaks)
		code = ct_view_leaks(&request->view, error);
	if (!code)
		fwrite(text, 1, length, request->view.out);
	free(text);
	return code;
}

int ct_top_show(const struct ct_top_request *request, struct ct_error_text *error)
{
	const struct ct_view *view = &request->view;
	int code;

	if (request->form == CT_TOP_JSON)
		return ct_write_json(view->profile, ct_column_metric(view->sort), view->out, error);
	if (request->form == CT_TOP_CSV)
		return view->by == CT_BY_SITE ? ct_view_csv_sites(view, error) : ct_view_csv_groups(view, error);
	if (request->kind == CT_TOP_LIST || request->kind == CT_TOP_PEEK || view->by == CT_BY_THREAD)
		return show_found(request, error);
	code = ct_view_summary(view, error);
	if (!code && view->leaks)
		code = ct_view_leaks(view, error);
	return code ? code : show_text(request, view, error);
}

void ct_top_fini(struct ct_top_request *request)
{
	ct_selection_fini(&request->selection);
	ct_patterns_fini(&request->functions);
	ct_leaks_fini(&request->leaks);
}
