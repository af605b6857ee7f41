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

#include "model/profile.h"
#include "util/error.h"
#include "view/line.h"

enum ct_column {
	CT_COLUMN_TOTAL,
	CT_COLUMN_BLOCKS,
	CT_COLUMN_AVERAGE, /* bytes per block */
	CT_COLUMN_MAX,
	CT_COLUMN_PEAK,
	CT_COLUMN_END,
	CT_COLUMN_LIFETIME, /* average */
	CT_COLUMN_RATE, /* bytes a second, of late */
	CT_COLUMN_BLOCK_RATE,
	CT_COLUMN_GROWN, /* live bytes since the mark */
	CT_COLUMN_COUNT,
};

struct ct_view {
	const struct ct_profile *profile;
	const struct ct_terminal *terminal;
	FILE *out;
	enum ct_column sort;
	size_t rows; /* 0 = all */
	double min_percent; /* of the tree's branches */
	bool exact; /* numbers to the last digit */
	bool full; /* whole stacks */
};

/* Columns chosen for one table, in order. */
struct ct_layout {
	enum ct_column columns[CT_COLUMN_COUNT];
	int widths[CT_COLUMN_COUNT];
	int count;
	int text_column; /* where the text behind the numbers starts */
};

int ct_view_summary(const struct ct_view *view, struct ct_error_text *error);
int ct_view_sites(const struct ct_view *view, struct ct_error_text *error);
int ct_view_functions(const struct ct_view *view, struct ct_error_text *error);
int ct_view_tree(const struct ct_view *view, struct ct_error_text *error);

/*
 * Parts of the summary: what was lost, one line each; the program, which does not end the line; the course of
 * live bytes, if it is known.
 */
void ct_summary_program(const struct ct_profile *profile, struct ct_line *line);
void ct_summary_losses(const struct ct_profile *profile, struct ct_line *line);
void ct_summary_timeline(const struct ct_view *view, struct ct_line *line);

/* Who allocates: "function file:line < caller < caller" to the end of the line; "function file" */
void ct_line_add_site(struct ct_line *line, const struct ct_profile *profile, const bool *allocators,
		      const struct ct_site_row *site, bool callers);
void ct_line_add_function(struct ct_line *line, const struct ct_profile *profile, const struct ct_frame *frame);

/* "    at function  place": one frame of a whole stack, the first or one of those below it. */
void ct_line_add_frame(struct ct_line *line, const struct ct_profile *profile, const struct ct_frame *frame,
		       bool first);

/* Does the profile have this column? */
bool ct_column_exists(const struct ct_profile *profile, enum ct_column column);

/* What rows are sorted by; for the lifetime its average. */
double ct_column_value(const struct ct_counters *counters, enum ct_column column);

/* The column whose percentages the table shows: the sorted one if its values add up. */
enum ct_column ct_column_share(enum ct_column sort);

char *ct_column_format(const struct ct_view *view, enum ct_column column, const struct ct_counters *counters,
		       char *out);

/*
 * Lay out those of the wanted columns (a bit each) that exist and fit; extra = columns needed for
 * percentages. The sorted one always fits.
 */
void ct_layout_choose(const struct ct_view *view, unsigned wanted, int extra, struct ct_layout *layout);

/* The heads and the numbers of one row, with the share's percentage behind its column. */
void ct_layout_heads(const struct ct_view *view, const struct ct_layout *layout, struct ct_line *line);
void ct_layout_numbers(const struct ct_view *view, const struct ct_layout *layout, const struct ct_counters *counters,
		       struct ct_line *line);

/* "not enough memory ..." when the line failed. */
int ct_view_check(const struct ct_line *line, struct ct_error_text *error);

#endif
