/* SPDX-License-Identifier: MIT */
#include "cmd/top_options.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/config.h"
#include "write/write.h"

static int refuse_column(const struct ct_option *option, const char *value, struct ct_error_text *error)
{
	char list[CT_COLUMN_LIST_ROOM];
	return ct_error_set(error, CT_ERR_USAGE, "--%s %s: must be %s", option->name, value, ct_column_list(list));
}

static int set_sort(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	struct ct_top_request *request = member;
	request->sort_given = true;
	return ct_column_find(value, strlen(value), &request->view.sort) ? CT_OK : refuse_column(option, value, error);
}

static int set_columns(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	struct ct_view *view = &((struct ct_top_request *)member)->view;
	view->column_count = 0;
	for (const char *at = value;; at++) {
		size_t length = strcspn(at, ",");
		enum ct_column column;
		if (!ct_column_find(at, length, &column))
			return refuse_column(option, value, error);
		for (int i = 0; i < view->column_count; i++)
			if (view->columns[i] == column)
				return ct_error_set(error, CT_ERR_USAGE, "--columns %s: %s is listed twice", value,
						    ct_column_name(column));
		view->columns[view->column_count++] = column;
		at += length;
		if (!*at)
			return CT_OK;
	}
}

static int set_rows(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	struct ct_top_request *request = member;
	request->rows_given = true;
	return ct_set_rows(option, &request->view.rows, value, error);
}

static const char *const keys[] = {"site",   "function", "file", "line",
				   "module", "thread",   "tag",  NULL}; /* by enum ct_group_by */

/* Set the kind of view; only one may be given. */
static int set_kind(struct ct_top_request *request, enum ct_top_kind kind, struct ct_error_text *error)
{
	if (request->kind != CT_TOP_ROWS && request->kind != kind)
		return ct_error_set(error, CT_ERR_USAGE, "--tree, --list, --peek and --marks: one at a time");
	request->kind = kind;
	return CT_OK;
}

static int set_tree(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	(void)option, (void)value;
	return set_kind(member, CT_TOP_TREE, error);
}

static int set_marks(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	(void)option, (void)value;
	return set_kind(member, CT_TOP_MARKS, error);
}

/* The setter of --list RE and --peek RE. */
static int set_functions(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	struct ct_top_request *request = member;
	int code = set_kind(request, strcmp(option->name, "list") ? CT_TOP_PEEK : CT_TOP_LIST, error);
	return code ? code : ct_patterns_add(&request->functions, option->name, value, error);
}

static int set_json(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	(void)option, (void)value, (void)error;
	*(enum ct_top_form *)member = CT_TOP_JSON;
	return CT_OK;
}

static int set_csv(const struct ct_option *option, void *member, const char *value, struct ct_error_text *error)
{
	(void)option, (void)value, (void)error;
	*(enum ct_top_form *)member = CT_TOP_CSV;
	return CT_OK;
}

static int set_suppressions(const struct ct_option *option, void *member, const char *value,
			    struct ct_error_text *error)
{
	(void)option;
	int code = ct_leaks_read_rules(member, value, error);
	return code ? ct_error_context(error, code, "--suppressions") : CT_OK;
}

static const char *value_column(size_t index, const char **help)
{
	(void)help;
	return index < CT_COLUMN_LIVE ? ct_column_name((enum ct_column)index) : NULL;
}

#define AT(member) .at = offsetof(struct ct_top_request, member)

const struct ct_option ct_top_options[CT_TOP_OPTIONS] = {
	{.letter = 'i',
	 .name = "interactive",
	 .help = "browse interactively; ? shows the keys",
	 .set = ct_set_flag,
	 AT(interactive)},
	{.letter = 'p',
	 .name = "pid",
	 .argument = "PID",
	 .help = "a running program that ctrace records; interactive in a terminal",
	 .set = ct_set_pid,
	 AT(pid)},
	{.letter = 's',
	 .name = "sort",
	 .argument = "COLUMN",
	 .help = "sort by total, blocks, peak, ...: see --columns",
	 .standard = "total",
	 .set = set_sort,
	 .value = value_column},
	{.letter = 'n',
	 .name = "rows",
	 .argument = "N",
	 .help = "rows to show, 0 = all",
	 .standard = "20",
	 .set = set_rows},
	{.name = "columns",
	 .argument = "LIST",
	 .help = "columns to show, separated by commas, of:",
	 .set = set_columns,
	 .value = value_column,
	 .values_shown = true,
	 .list = true},
	{.name = "sizes",
	 .help = "show how large the blocks of each site were, as a bar",
	 .set = ct_set_flag,
	 AT(view.spreads[CT_HISTOGRAM_SIZES])},
	{.name = "lifetimes",
	 .help = "show how long the freed blocks of each site had lived, as a bar",
	 .set = ct_set_flag,
	 AT(view.spreads[CT_HISTOGRAM_LIFETIMES])},
	{.name = "by",
	 .argument = "KEY",
	 .help = "group by site, function, file, line, module, thread or tag",
	 .standard = "site",
	 .choices = keys,
	 .set = ct_set_choice,
	 AT(view.by)},
	{.name = "cum", .help = "include callees (implies --by function)", .set = ct_set_flag, AT(view.cumulative)},
	{.name = "tree", .help = "show who calls whom, from the root", .set = set_tree},
	{.name = "peek", .argument = "RE", .help = "callers and callees of matching functions", .set = set_functions},
	{.name = "list", .argument = "RE", .help = "annotated source of matching functions", .set = set_functions},
	{.name = "source-path",
	 .argument = "DIRS",
	 .help = "colon-separated source folders for --list",
	 .set = ct_set_text,
	 AT(view.source_path),
	 .file = true},
	{.name = "marks", .help = "list the program's ctrace_mark() points", .set = set_marks},
	{.name = "leaks",
	 .help = "only what was live at the end; record with --reach to separate lost from reachable",
	 .set = ct_set_flag,
	 AT(only_leaks)},
	{.name = "suppressions",
	 .argument = "FILE",
	 .help = "apply LeakSanitizer suppressions from FILE to --leaks",
	 .set = set_suppressions,
	 AT(leaks),
	 .file = true},
	{.name = "resident",
	 .help = "how much of the live blocks is resident, swapped and untouched, and what pins pages; with -p, or of a report recorded with --memory",
	 .set = ct_set_flag,
	 AT(resident)},
	{.name = "pins",
	 .help = "the same, sorted by whose few live blocks keep pages from being given back",
	 .set = ct_set_flag,
	 AT(pins)},
	{.name = "json", .help = "for scripts, as ctrace export -f json", .set = set_json, AT(form)},
	{.name = "csv", .help = "for spreadsheets, with exact numbers", .set = set_csv, AT(form)},
	{.name = "full",
	 .help = "a row for each stack, with the whole of it below; with --tree, whole chains",
	 .set = ct_set_flag,
	 AT(view.full)},
	{.name = "split-threads",
	 .help = "with threads recorded, do not fold equal stacks of several threads",
	 .set = ct_set_flag,
	 AT(view.split_threads)},
	{.name = "all-frames",
	 .help = "a row for each stack, from the function that allocates on, even in the C, C++ or Rust library",
	 .set = ct_set_flag,
	 AT(view.all_frames)},
};

int ct_top_configure(struct ct_top_request *request, const struct ct_config *config, struct ct_error_text *error)
{
	static const struct ct_option columns = {.name = "columns"};
	struct ct_view *view = &request->view;
	bool table = (request->kind == CT_TOP_ROWS || request->kind == CT_TOP_TREE) && request->form == CT_TOP_TEXT &&
		     !request->interactive && !request->only_leaks;
	if (!view->source_path)
		view->source_path = config->source_path;
	if (!config->columns || view->column_count || !table)
		return CT_OK;
	request->columns_configured = true;
	int code = set_columns(&columns, request, config->columns, error);
	return code ? ct_error_context(error, code, "%s", config->columns_from) : CT_OK;
}

void ct_top_keep_known_columns(struct ct_top_request *request)
{
	struct ct_view *view = &request->view;
	bool swapped = view->profile->totals.swapped_bytes || !request->resident;
	int kept = 0;
	if (!request->columns_configured && swapped)
		return;
	for (int i = 0; i < view->column_count; i++)
		if (request->columns_configured ? ct_column_exists(view->profile, view->columns[i])
						: view->columns[i] != CT_COLUMN_SWAPPED)
			view->columns[kept++] = view->columns[i];
	view->column_count = kept;
	if (!request->sort_given && kept)
		view->sort = view->columns[0];
}

/* For --resident and --pins. */
static void choose_memory_columns(struct ct_top_request *request)
{
	static const enum ct_column columns[] = {CT_COLUMN_SHARE,  CT_COLUMN_PINNED,     CT_COLUMN_RESIDENT,
						 CT_COLUMN_END,    CT_COLUMN_END_BLOCKS, CT_COLUMN_UNTOUCHED,
						 CT_COLUMN_SWAPPED};
	struct ct_view *view = &request->view;
	size_t first = request->pins ? 0 : 2;
	for (size_t i = first; i < sizeof(columns) / sizeof(columns[0]); i++)
		view->columns[view->column_count++] = columns[i];
	if (!request->pins)
		view->columns[view->column_count++] = CT_COLUMN_PINNED;
	view->columns_yield = true;
	if (!request->sort_given)
		view->sort = columns[first];
	request->sort_given = true;
}

/* --cum alone implies --by function. Without --sort, the first of the chosen columns is sorted. */
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
	request->resident = request->resident || request->pins;
	if (request->resident && request->interactive && !request->sort_given) {
		view->sort = request->pins ? CT_COLUMN_SHARE : CT_COLUMN_RESIDENT;
		request->sort_given = true;
	}
	if (request->resident && !view->column_count && !request->interactive && request->form == CT_TOP_TEXT)
		choose_memory_columns(request);
}

int ct_top_check_options(const char *command, struct ct_top_request *request)
{
	bool is_table = request->kind == CT_TOP_ROWS && request->form == CT_TOP_TEXT;
	complete(request);
	if (request->resident && request->form != CT_TOP_JSON && request->form != CT_TOP_CSV &&
	    request->kind != CT_TOP_ROWS && request->kind != CT_TOP_TREE)
		return ct_cmd_fail(command, CT_EXIT_USAGE, "--resident and --pins are for tables and --tree");
	if (request->leaks.rule_count && !request->only_leaks)
		return ct_cmd_fail(command, CT_EXIT_USAGE, "--suppressions is for --leaks");
	if (request->view.column_count && !is_table && request->kind != CT_TOP_TREE)
		return ct_cmd_fail(command, CT_EXIT_USAGE,
				   "--columns is for tables: --sort chooses a column elsewhere");
	if ((request->view.spreads[CT_HISTOGRAM_SIZES] || request->view.spreads[CT_HISTOGRAM_LIFETIMES]) &&
	    (!is_table || request->view.by != CT_BY_SITE))
		return ct_cmd_fail(command, CT_EXIT_USAGE, "--sizes and --lifetimes are for tables of sites");
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
		return ct_cmd_fail(command, CT_EXIT_USAGE, "%s has no %s: record with --reach (CTRACE_REACH=1)", path,
				   name);
	if (column >= CT_COLUMN_RESIDENT && column <= CT_COLUMN_SHARE && !profile->has_memory)
		return ct_cmd_fail(command, CT_EXIT_USAGE,
				   profile->sample_bytes
					   ? "%s is a sample, which does not have all blocks: %s is not known"
					   : "%s has no %s: record with --memory (CTRACE_MEMORY=1), or name a running "
					     "process with -p",
				   path, name);
	if (column == CT_COLUMN_THREADS && !profile->has_threads)
		return ct_cmd_fail(command, CT_EXIT_USAGE,
				   "%s has no threads: record with --threads (CTRACE_THREADS=1)", path);
	if (column == CT_COLUMN_MATCHING)
		return ct_block_filter_any(&request->selection.blocks)
			       ? CT_EXIT_FINE
			       : ct_cmd_fail(
					 command, CT_EXIT_USAGE,
					 "matching blocks are counted with --min-size, --max-size, --older or --younger");
	if (!ct_column_exists(profile, column))
		return ct_cmd_fail(command, CT_EXIT_USAGE, "%s has no %s: it was recorded without %s", path, name,
				   profile->has_lifetimes ? "it" : "lifetimes; total and blocks are there");
	if (column == CT_COLUMN_THREADS && (request->kind != CT_TOP_ROWS || request->view.by != CT_BY_SITE))
		return ct_cmd_fail(command, CT_EXIT_USAGE, "threads are counted for sites: take --by thread");
	if ((request->kind != CT_TOP_ROWS || request->view.by != CT_BY_SITE) && !ct_column_sums(column))
		return ct_cmd_fail(command, CT_EXIT_USAGE,
				   "maxima of different sites do not add up: take peak instead of %s", name);
	return CT_EXIT_FINE;
}

/* The verdicts on what stays, without what the suppressions drop. They need the snapshots, which --leaks does not keep.
 */
static int find_stays(struct ct_top_request *request, const struct ct_profile *profile, struct ct_error_text *error)
{
	struct ct_findings findings = {0};
	uint8_t *classes = calloc(profile->site_count + 1, sizeof(*classes));
	int code = classes ? ct_leaks_find(&request->leaks, profile, classes, error) : ct_error_no_memory(error);
	if (!code && (code = ct_advise(profile, &findings, error)) == CT_ERR_USAGE)
		code = 0; /* a file that has only what was live */
	for (size_t i = 0; i < profile->site_count && !code; i++)
		classes[i] = classes[i] == CT_LEAK_SUPPRESSED;
	if (!code)
		request->view.stays = ct_stays_lines(profile, &findings, classes, request->stays);
	ct_findings_fini(&findings);
	free(classes);
	return code;
}

int ct_top_keep_leaks(struct ct_top_request *request, struct ct_profile *profile, struct ct_error_text *error)
{
	struct ct_view *view = &request->view;
	if (!ct_leaks_any(profile) && request->form == CT_TOP_TEXT)
		view->no_leak = ct_advice_without_leaks(profile, request->no_leak);
	int code = request->form == CT_TOP_TEXT ? find_stays(request, profile, error) : 0;
	if (!code)
		code = ct_leaks_keep(&request->leaks, profile, error);
	if (!view->column_count) {
		view->column_count = ct_leak_columns(profile, view->columns);
		view->columns_yield = true;
		if (!request->sort_given)
			view->sort = view->columns[0];
		if (profile->threads_folded)
			view->columns[view->column_count++] = CT_COLUMN_THREADS;
	}
	view->leaks = &request->leaks;
	view->whole = &request->leaks.sums;
	return code;
}

int ct_top_check_profile(const char *command, const struct ct_top_request *request, const char *path)
{
	const struct ct_view *view = &request->view;
	int code;
	if ((view->spreads[CT_HISTOGRAM_SIZES] || view->spreads[CT_HISTOGRAM_LIFETIMES] ||
	     ct_block_filter_any(&request->selection.blocks)) &&
	    !view->profile->has_histograms)
		return ct_cmd_fail(command, CT_EXIT_USAGE, "%s: no histograms of sizes and lifetimes were recorded",
				   path);
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

/* Write the lines above the view. */
static int summarize(const struct ct_top_request *request, struct ct_error_text *error)
{
	const struct ct_view *view = &request->view;
	bool brief = request->kind == CT_TOP_LIST || request->kind == CT_TOP_PEEK || request->kind == CT_TOP_MARKS;
	int code = (brief ? ct_view_brief_summary : ct_view_summary)(view, error);
	return code || !view->leaks ? code : ct_view_leaks(view, error);
}

/* A view that may find nothing to show is rendered to memory first, so that nothing is printed on error. */
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
		code = summarize(request, error);
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
	if (request->kind == CT_TOP_LIST || request->kind == CT_TOP_PEEK || ct_group_by_label(view->by))
		return show_found(request, error);
	code = summarize(request, error);
	return code ? code : show_text(request, view, error);
}

void ct_top_fini(struct ct_top_request *request)
{
	ct_selection_fini(&request->selection);
	ct_patterns_fini(&request->functions);
	ct_leaks_fini(&request->leaks);
}
