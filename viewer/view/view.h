/* SPDX-License-Identifier: MIT */
/*
 * The views of `ctrace top`: a profile as text. All of them share the numbers' columns: which there
 * are (a copy profile has no peak), their heads, their widths, and which of them a narrow terminal
 * leaves out.
 */
#ifndef CT_VIEW_VIEW_H
#define CT_VIEW_VIEW_H

#include <stdbool.h>
#include <stddef.h>

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
	CT_COLUMN_LIVE = CT_COLUMN_RATE, /* this one and those behind it are of the interactive view only */
};

/* A bit for each that tables may have. */
#define CT_COLUMNS_PLAIN ((1u << CT_COLUMN_LIVE) - 1)

struct ct_view {
	const struct ct_profile *profile;
	const struct ct_terminal *terminal;
	FILE *out;
	enum ct_column sort;
	size_t rows; /* 0 = all */
	double min_percent; /* of the tree's branches */
	bool exact; /* numbers to the last digit */
	bool full; /* whole stacks */
	bool cumulative; /* rows of groups sorted by what they have with all that they call */
	enum ct_group_by by;
	enum ct_column columns[CT_COLUMN_COUNT]; /* asked for */
	int column_count; /* 0 = as the view has them */
	const struct ct_counters *whole; /* what percentages are of, NULL = the profile's totals */
	const struct ct_selected *selected; /* the profile is part of this, NULL = it is whole */
	const struct ct_leaks *leaks; /* nothing else is in the profile, NULL = all of it is */
	const struct ct_patterns *patterns; /* functions, of ct_view_source and ct_view_peek */
	const char *source_path; /* folders, with colons between */
};

/* Columns chosen for one table, in order. */
struct ct_layout {
	enum ct_column columns[CT_COLUMN_COUNT];
	int widths[CT_COLUMN_COUNT];
	int count;
	int text_column; /* where the text behind the numbers starts */
	bool running; /* SUM%, too: wanted before ct_layout_choose, there is room after it */
	double sum; /* of the rows so far */
};

int ct_view_summary(const struct ct_view *view, struct ct_error_text *error);
/* The moments that the program has named, with what was live then and allocated since the one before. */
int ct_view_marks(const struct ct_view *view, struct ct_error_text *error);

int ct_view_leaks(const struct ct_view *view, struct ct_error_text *error);
int ct_view_sites(const struct ct_view *view, struct ct_error_text *error);
int ct_view_groups(const struct ct_view *view, struct ct_error_text *error);
int ct_view_tree(const struct ct_view *view, struct ct_error_text *error);

/*
 * Parts of the summary: what was lost, one line each; the program, which does not end the line; the course of
 * live bytes, if it is known.
 */
void ct_summary_program(const struct ct_profile *profile, struct ct_line *line);
void ct_summary_losses(const struct ct_profile *profile, struct ct_line *line);
void ct_summary_timeline(const struct ct_view *view, struct ct_line *line);

/* The group that a frame is an example of: its name, and what distinguishes it. */
void ct_line_add_group(struct ct_line *line, const struct ct_profile *profile, enum ct_group_by by, uint32_t example);

/* Lines of source with the numbers of the functions that match. CT_ERR_USAGE: none does. */
int ct_view_source(const struct ct_view *view, struct ct_error_text *error);

/* Callers and callees of the functions that match. CT_ERR_USAGE: none does. */
int ct_view_peek(const struct ct_view *view, struct ct_error_text *error);

/* The same rows as CSV (RFC 4180), numbers raw. */
int ct_view_csv_sites(const struct ct_view *view, struct ct_error_text *error);
int ct_view_csv_groups(const struct ct_view *view, struct ct_error_text *error);

#define CT_COLUMN_LIST_ROOM 512

/* One that can be chosen by its name. */
bool ct_column_find(const char *name, size_t length, enum ct_column *column);
const char *ct_column_name(enum ct_column column);

/* What it shows; of an average the sum. */
enum ct_metric ct_column_metric(enum ct_column column);

/* "total, blocks ... or never-freed". */
const char *ct_column_list(char out[CT_COLUMN_LIST_ROOM]);

/* Do values of several sites add up (or their averages have a meaning)? */
bool ct_column_sums(enum ct_column column);

/* Is it only shown when it is asked for? */
bool ct_column_on_demand(enum ct_column column);

/* Does the profile have this column? */
bool ct_column_exists(const struct ct_profile *profile, enum ct_column column);

/* What rows are sorted by. */
double ct_column_value(const struct ct_counters *counters, enum ct_column column);

/* The column whose percentages the table shows: the sorted one if its values add up. */
enum ct_column ct_column_share(enum ct_column sort);

/* What percentages of this column are of. */
double ct_view_whole(const struct ct_view *view, enum ct_column column);

char *ct_column_format(const struct ct_view *view, enum ct_column column, const struct ct_counters *counters,
		       char *out);

/*
 * Lay out the columns that were asked for, or those of the wanted ones (a bit each) that exist and fit; extra = columns
 * needed for percentages. The sorted one always fits.
 */
void ct_layout_choose(const struct ct_view *view, unsigned wanted, int extra, struct ct_layout *layout);

/* The heads and the numbers of one row, with the share's percentage behind its column. */
void ct_layout_heads(const struct ct_view *view, const struct ct_layout *layout, struct ct_line *line);
void ct_layout_numbers(const struct ct_view *view, struct ct_layout *layout, const struct ct_counters *counters,
		       struct ct_line *line);

/* "not enough memory ..." when the line failed. */
int ct_view_check(const struct ct_line *line, struct ct_error_text *error);

#endif
