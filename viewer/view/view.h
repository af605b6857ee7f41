/* SPDX-License-Identifier: MIT */
/*
 * The views of `ctrace top` show a profile as text. All of them share the columns of numbers: which columns a profile
 * has (a copy profile has no peak), their heads and widths, and which of them a narrow terminal leaves out.
 */
#ifndef CT_VIEW_VIEW_H
#define CT_VIEW_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "model/fold.h"
#include "model/groups.h"
#include "model/leaks.h"
#include "model/metric.h"
#include "model/profile.h"
#include "model/select.h"
#include "util/error.h"
#include "view/line.h"

enum ct_column {
#define CT_COLUMN(column, ...) CT_COLUMN_##column,
#include "view/columns.def"
#undef CT_COLUMN
	CT_COLUMN_COUNT,
	CT_COLUMN_LIVE = CT_COLUMN_RATE, /* from here on, columns are for the interactive view only */
};

/* Sets of columns, a bit for each. Where the memory is: for --resident and --pins, and where there is room. */
#define CT_COLUMNS_MEMORY                                                                                              \
	(1u << CT_COLUMN_RESIDENT | 1u << CT_COLUMN_SWAPPED | 1u << CT_COLUMN_UNTOUCHED | 1u << CT_COLUMN_PINNED |     \
	 1u << CT_COLUMN_SHARE)
/* All others that a table of sites may have. */
#define CT_COLUMNS_PLAIN (((1u << CT_COLUMN_LIVE) - 1) & ~CT_COLUMNS_MEMORY)

struct ct_view {
	const struct ct_profile *profile;
	const struct ct_terminal *terminal;
	FILE *out;
	enum ct_column sort;
	size_t rows; /* 0 = all */
	double min_percent; /* smaller branches of the tree are not shown */
	bool exact; /* exact numbers */
	bool full; /* a row for each stack, with the whole of it below */
	bool split_threads; /* threads are not folded */
	bool all_frames; /* a row for each stack, from its leaf on */
	bool spreads[CT_HISTOGRAM_KINDS]; /* a column of bars for each of these histograms */
	bool cumulative; /* groups are sorted by their numbers including callees */
	enum ct_group_by by;
	enum ct_column columns[CT_COLUMN_COUNT]; /* chosen by the user, or by an option such as --pins */
	int column_count; /* 0 = the view's default columns */
	bool columns_yield; /* the user has not named them: in a narrow terminal the last ones go */
	const struct ct_counters *whole; /* the base of percentages; NULL = the profile's totals */
	const struct ct_selected *selected; /* the profile is part of this; NULL = it is whole */
	const struct ct_leaks *leaks; /* the profile has only these leak candidates; NULL = it has all sites */
	const char *no_leak; /* with leaks: the verdict if there is no candidate */
	const char *stays; /* with leaks: lines about what stays, or NULL */
	const struct ct_patterns *patterns; /* functions for ct_view_source and ct_view_peek */
	const char *source_path; /* folders, colon-separated */
};

/* Columns chosen for one table, in order. */
struct ct_layout {
	enum ct_column columns[CT_COLUMN_COUNT];
	int widths[CT_COLUMN_COUNT];
	int count;
	int text_column; /* where the text after the numbers starts */
	bool running; /* SUM%: before ct_layout_choose, it is wanted; afterwards, there is room for it */
	double sum; /* over the rows so far */
};

int ct_view_summary(const struct ct_view *view, struct ct_error_text *error);

/* The same in a line for the program, below the losses: for views that are about a part of the numbers. */
int ct_view_brief_summary(const struct ct_view *view, struct ct_error_text *error);

/* The moments that the program named, with what was live then and what was allocated since the previous one. */
int ct_view_marks(const struct ct_view *view, struct ct_error_text *error);

/* The columns of a table of leak candidates, the sorted one first. Returns their number. */
int ct_leak_columns(const struct ct_profile *profile, enum ct_column columns[CT_COLUMN_COUNT]);

int ct_view_leaks(const struct ct_view *view, struct ct_error_text *error);
int ct_view_sites(const struct ct_view *view, struct ct_error_text *error);
int ct_view_groups(const struct ct_view *view, struct ct_error_text *error);
int ct_view_tree(const struct ct_view *view, struct ct_error_text *error);

/*
 * Parts of the summary: the program, which does not end the line; the losses, one line each; where the memory is, if a
 * ledger was taken; the timeline.
 */
void ct_summary_program(const struct ct_profile *profile, struct ct_line *line);
void ct_summary_losses(const struct ct_profile *profile, struct ct_line *line);
void ct_summary_memory(const struct ct_profile *profile, struct ct_line *line);
void ct_summary_timeline(const struct ct_view *view, struct ct_line *line);

#define CT_SPARKS_MAX 60

/* The number of bars of a chart in one line for which the line has room, at most CT_SPARKS_MAX; < 1: none. */
int ct_summary_spark_count(const struct ct_line *line);

/* Add a label and the bars. What is more than 0 has at least the lowest bar. */
void ct_summary_sparks(struct ct_line *line, const char *label, const uint64_t *sparks, int count, uint64_t highest);

/* Add the name of the group that a frame is an example of, and what distinguishes it from others. */
void ct_line_add_group(struct ct_line *line, const struct ct_profile *profile, enum ct_group_by by, uint32_t example);

/* Source lines of the matching functions, with numbers. CT_ERR_USAGE: no function matches. */
int ct_view_source(const struct ct_view *view, struct ct_error_text *error);

/* Callers and callees of the matching functions. CT_ERR_USAGE: no function matches. */
int ct_view_peek(const struct ct_view *view, struct ct_error_text *error);

/* Fold the sites as the view wants. 0, or < 0 when out of memory; call both fini functions in both cases. */
int ct_view_fold(const struct ct_view *view, struct ct_origins *origins, struct ct_fold *fold);

/* The same rows as CSV (RFC 4180), with raw numbers. */
int ct_view_csv_sites(const struct ct_view *view, struct ct_error_text *error);
int ct_view_csv_groups(const struct ct_view *view, struct ct_error_text *error);

/* Write an untrusted text as a cell of CSV, so that no spreadsheet takes it for a formula. */
void ct_csv_cell(FILE *out, const char *text);

#define CT_COLUMN_LIST_ROOM 512

/* Find a column that the user can choose, by its name. */
bool ct_column_find(const char *name, size_t length, enum ct_column *column);
const char *ct_column_name(enum ct_column column);

/* The column's metric; for an average, that of the sum. */
enum ct_metric ct_column_metric(enum ct_column column);

/* The column of the profile's main number. */
enum ct_column ct_column_main(const struct ct_profile *profile);

/* Write "total, blocks ... or never-freed" to out and return it. */
const char *ct_column_list(char out[CT_COLUMN_LIST_ROOM]);

/* Do the values of several sites add up, or do their averages have a meaning? */
bool ct_column_sums(enum ct_column column);

/* Is the column shown only if the user asks for it? */
bool ct_column_on_demand(enum ct_column column);

/* Does the profile have this column? */
bool ct_column_exists(const struct ct_profile *profile, enum ct_column column);

/* The value that rows are sorted by. */
double ct_column_value(const struct ct_counters *counters, enum ct_column column);

/* The column whose percentages the table shows: the sorted one if its values add up, else the total. */
enum ct_column ct_column_share(enum ct_column sort);

/* The base of this column's percentages. */
double ct_view_whole(const struct ct_view *view, enum ct_column column);

char *ct_column_format(const struct ct_view *view, enum ct_column column, const struct ct_counters *counters,
		       char *out);

/*
 * Lay out the columns that the user chose or, without a choice, those of the wanted ones (a bit each) that exist and
 * fit. extra is the width needed for percentages. The sorted column always fits.
 */
void ct_layout_choose(const struct ct_view *view, unsigned wanted, int extra, struct ct_layout *layout);

/* Add the heads, or the numbers of one row, with the percentage after its column. */
void ct_layout_heads(const struct ct_view *view, const struct ct_layout *layout, struct ct_line *line);
void ct_layout_numbers(const struct ct_view *view, struct ct_layout *layout, const struct ct_counters *counters,
		       struct ct_line *line);

/* If the profile has no sites, say why, in place of a table. False: it has some, and nothing was written. */
bool ct_view_put_empty(const struct ct_view *view, struct ct_line *line);

/* The view's result: CT_ERR_MEMORY, with its line, if the line failed. */
int ct_view_check(const struct ct_line *line, struct ct_error_text *error);

#endif
