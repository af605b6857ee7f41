/* SPDX-License-Identifier: MIT */
#include "view/view.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "names/number.h"
#include "util/whole.h"

#define GAP 2
#define PERCENT_WIDTH 5
#define TEXT_MIN 34 /* minimum width for names; numbers are left out to keep it */
#define TEXT_MIN_NARROW 40 /* in a terminal narrower than NARROW, for a function with its place and what it calls */
#define NARROW 100

enum kind { KIND_BYTES, KIND_COUNT, KIND_TIME, KIND_PERCENT, KIND_RATE, KIND_GROWTH };

enum { ON_DEMAND = -1, NEVER = 0, RANKS = 7 };

static const struct row {
	const char *name;
	const char *head;
	enum ct_metric metric;
	enum ct_metric per;
	enum kind kind;
	int rank;
} rows[CT_COLUMN_COUNT] = {
#define CT_COLUMN(column, name, head, metric, per, kind, rank)                                                         \
	[CT_COLUMN_##column] = {name, head, CT_METRIC_##metric, CT_METRIC_##per, KIND_##kind, rank},
#include "view/columns.def"
#undef CT_COLUMN
};

bool ct_column_find(const char *name, size_t length, enum ct_column *column)
{
	for (int i = 0; i < CT_COLUMN_LIVE; i++) {
		if (strlen(rows[i].name) == length && !memcmp(name, rows[i].name, length)) {
			*column = (enum ct_column)i;
			return true;
		}
	}
	return false;
}

const char *ct_column_name(enum ct_column column)
{
	return rows[column].name;
}

enum ct_metric ct_column_metric(enum ct_column column)
{
	return rows[column].metric;
}

enum ct_column ct_column_main(const struct ct_profile *profile)
{
	enum ct_metric metric = ct_metric_main(profile);
	return metric == CT_METRIC_END_BYTES    ? CT_COLUMN_END
	       : metric == CT_METRIC_PEAK_BYTES ? CT_COLUMN_PEAK
						: CT_COLUMN_TOTAL;
}

const char *ct_column_list(char out[CT_COLUMN_LIST_ROOM])
{
	size_t used = 0;
	for (int i = 0; i < CT_COLUMN_LIVE && used < CT_COLUMN_LIST_ROOM; i++)
		used += (size_t)snprintf(out + used, CT_COLUMN_LIST_ROOM - used, "%s%s",
					 i == 0                    ? ""
					 : i + 1 == CT_COLUMN_LIVE ? " or "
								   : ", ",
					 rows[i].name);
	return out;
}

bool ct_column_on_demand(enum ct_column column)
{
	return rows[column].rank == ON_DEMAND;
}

bool ct_column_exists(const struct ct_profile *profile, enum ct_column column)
{
	const struct row *row = &rows[column];
	return ct_metric_exists(profile, row->metric) && (!row->per || ct_metric_exists(profile, row->per));
}

bool ct_column_sums(enum ct_column column)
{
	return column != CT_COLUMN_MAX && column != CT_COLUMN_THREADS;
}

double ct_column_value(const struct ct_counters *counters, enum ct_column column)
{
	const struct row *row = &rows[column];
	uint64_t number = ct_metric_value(counters, row->metric);
	uint64_t per = row->per ? ct_metric_value(counters, row->per) : 0;
	double value = row->kind == KIND_GROWTH ? (double)(int64_t)number : (double)number;
	return per ? value / (double)per : value;
}

enum ct_column ct_column_share(enum ct_column sort)
{
	return ct_column_sums(sort) && !rows[sort].per && rows[sort].kind != KIND_GROWTH ? sort : CT_COLUMN_TOTAL;
}

double ct_view_whole(const struct ct_view *view, enum ct_column column)
{
	return ct_column_value(view->whole ? view->whole : &view->profile->totals, column);
}

/* Format a number that only a running program has. */
static char *format_live(const struct ct_view *view, enum ct_column column, const struct ct_counters *counters,
			 char *out)
{
	double seconds = (double)view->profile->recent_us / 1e6;
	double value = ct_column_value(counters, column);
	uint64_t magnitude = ct_whole(fabs(value));
	if (column == CT_COLUMN_BLOCK_RATE)
		return ct_number_short(out, (double)ct_whole(value / seconds));
	if (column == CT_COLUMN_RATE)
		return ct_number_bytes_column(out, ct_whole(value / seconds));
	out[0] = value < 0 ? '-' : '+';
	if (view->exact)
		ct_number_exact(out + 1, magnitude);
	else
		ct_number_bytes_column(out + 1, magnitude);
	return out;
}

char *ct_column_format(const struct ct_view *view, enum ct_column column, const struct ct_counters *counters, char *out)
{
	const struct row *row = &rows[column];
	bool exact = view->exact || view->profile->mode == CT_MODE_AD_HOC;
	uint64_t value = ct_metric_value(counters, row->metric);
	uint64_t per = row->per ? ct_metric_value(counters, row->per) : 0;
	if (column >= CT_COLUMN_LIVE)
		return format_live(view, column, counters, out);
	if (row->kind == KIND_PERCENT)
		return ct_number_percent(out, (double)value, (double)per);
	if (row->kind == KIND_TIME && !view->exact)
		return ct_number_time(out, ct_column_value(counters, column), view->profile->time_unit);
	if (row->kind == KIND_BYTES && row->per && exact) {
		snprintf(out, CT_NUMBER_ROOM, "%.1f", ct_column_value(counters, column));
		return out;
	}
	value = per ? value / per : value;
	return row->kind == KIND_BYTES && !exact ? ct_number_bytes_column(out, value) : ct_number_exact(out, value);
}

static void upper_case(char *text)
{
	for (; *text; text++)
		*text = (char)toupper((unsigned char)*text);
}

/* The column's head, with the names that this kind of profile uses for its numbers. */
static char *head(const struct ct_view *view, enum ct_column column, char out[CT_NUMBER_ROOM])
{
	const struct ct_profile *profile = view->profile;
	const char *name = rows[column].head;
	if (column == CT_COLUMN_END && profile->recent_us)
		name = "live";
	else if (column == CT_COLUMN_TOTAL && profile->mode == CT_MODE_COPY)
		name = profile->verb;
	else if (column == CT_COLUMN_TOTAL && profile->mode == CT_MODE_AD_HOC)
		name = profile->bytes_unit;
	else if (column == CT_COLUMN_BLOCKS && profile->mode != CT_MODE_COPY)
		name = profile->blocks_unit;
	else if (column == CT_COLUMN_BLOCKS)
		name = "times";
	snprintf(out, CT_NUMBER_ROOM, "%.20s", name);
	upper_case(out);
	return out;
}

/* The width that any row can need: no number exceeds the totals, except averages. */
static int width(const struct ct_view *view, enum ct_column column)
{
	char text[CT_NUMBER_ROOM];
	struct ct_counters totals = view->profile->totals;
	int wide = ct_line_width(view->terminal, head(view, column, text));
	int numbers;
	if (rows[column].kind == KIND_PERCENT)
		return wide > PERCENT_WIDTH ? wide : PERCENT_WIDTH;
	totals.max_bytes = totals.total_bytes;
	totals.recent_bytes = totals.recent_blocks = 0;
	totals.grown_bytes = (int64_t)totals.total_bytes;
	if (rows[column].kind == KIND_TIME && view->exact)
		totals = (struct ct_counters){.lifetime = view->profile->end_time, .total_blocks = 1};
	numbers = ct_line_width(view->terminal, ct_column_format(view, column, &totals, text));
	if (numbers < 8 && !view->exact && rows[column].kind != KIND_COUNT)
		numbers = 8;
	if (rows[column].kind == KIND_TIME && !view->exact)
		numbers = ct_line_width(view->terminal, ct_number_time(text, 1.11e9, view->profile->time_unit));
	return numbers > wide ? numbers : wide;
}

static int total_width(const struct ct_layout *layout, int extra)
{
	int sum = extra + (PERCENT_WIDTH + GAP) * (layout->running ? 2 : 1);
	for (int i = 0; i < layout->count; i++)
		sum += layout->widths[i] + GAP;
	return sum;
}

static void add(const struct ct_view *view, struct ct_layout *layout, enum ct_column column)
{
	layout->columns[layout->count] = column;
	layout->widths[layout->count++] = width(view, column);
}

/* Drop the column with this rank, unless the table is sorted by it. */
static void drop(const struct ct_view *view, struct ct_layout *layout, int rank)
{
	for (int i = 0; i < layout->count; i++) {
		if (rows[layout->columns[i]].rank != rank || layout->columns[i] == view->sort)
			continue;
		layout->count--;
		memmove(layout->columns + i, layout->columns + i + 1,
			(size_t)(layout->count - i) * sizeof(layout->columns[0]));
		memmove(layout->widths + i, layout->widths + i + 1,
			(size_t)(layout->count - i) * sizeof(layout->widths[0]));
	}
}

static bool fits(const struct ct_view *view, const struct ct_layout *layout, int extra)
{
	int columns = view->terminal->columns;
	return total_width(layout, extra) + (columns < NARROW ? TEXT_MIN_NARROW : TEXT_MIN) <= columns;
}

/* Drop the last column, or the one before it if the table is sorted by the last. */
static void drop_last(const struct ct_view *view, struct ct_layout *layout)
{
	int last = --layout->count;
	if (layout->columns[last] != view->sort)
		return;
	layout->columns[last - 1] = layout->columns[last];
	layout->widths[last - 1] = layout->widths[last];
}

/* Columns that the user named stay, whatever the terminal's width. */
void ct_layout_choose(const struct ct_view *view, unsigned wanted, int extra, struct ct_layout *layout)
{
	layout->count = 0;
	layout->sum = 0;
	if (view->column_count) {
		for (int i = 0; i < view->column_count; i++)
			add(view, layout, view->columns[i]);
		layout->running = layout->running && (!view->columns_yield || fits(view, layout, extra));
		while (view->columns_yield && layout->count > 1 && !fits(view, layout, extra))
			drop_last(view, layout);
	} else {
		for (int i = 0; i < CT_COLUMN_COUNT; i++) {
			bool shown = !ct_column_on_demand((enum ct_column)i) || (int)view->sort == i;

			if (wanted & 1u << i && shown && ct_column_exists(view->profile, (enum ct_column)i))
				add(view, layout, (enum ct_column)i);
		}
		layout->running = layout->running && fits(view, layout, extra);
		for (int rank = 1; rank <= RANKS && !fits(view, layout, extra); rank++)
			drop(view, layout, rank);
	}
	layout->text_column = total_width(layout, extra);
}

void ct_layout_heads(const struct ct_view *view, const struct ct_layout *layout, struct ct_line *line)
{
	char text[CT_NUMBER_ROOM];
	for (int i = 0; i < layout->count; i++) {
		bool sorted = layout->columns[i] == view->sort;

		head(view, layout->columns[i], text);
		ct_line_add_blanks(line, layout->widths[i] - ct_line_width(line->terminal, text));
		ct_line_style(line, sorted ? CT_STYLE_SORTED : CT_STYLE_HEAD);
		ct_line_add(line, text);
		ct_line_style(line, CT_STYLE_PLAIN);
		ct_line_add_blanks(line, GAP);
		if (layout->columns[i] == ct_column_share(view->sort)) {
			ct_line_add_right(line, "%", PERCENT_WIDTH);
			ct_line_add_blanks(line, GAP);
			if (layout->running) {
				ct_line_add_right(line, "SUM%", PERCENT_WIDTH);
				ct_line_add_blanks(line, GAP);
			}
		}
	}
}

static void add_percent(struct ct_line *line, double part, double whole)
{
	char text[CT_NUMBER_ROOM];
	ct_line_add_right(line, ct_number_percent(text, part, whole), PERCENT_WIDTH);
	ct_line_add_blanks(line, GAP);
}

void ct_layout_numbers(const struct ct_view *view, struct ct_layout *layout, const struct ct_counters *counters,
		       struct ct_line *line)
{
	enum ct_column share = ct_column_share(view->sort);
	char text[CT_NUMBER_ROOM];
	for (int i = 0; i < layout->count; i++) {
		enum ct_column column = layout->columns[i];
		bool nothing = column > CT_COLUMN_AVERAGE && ct_column_value(counters, column) == 0;

		if (column == view->sort)
			ct_line_style(line, CT_STYLE_STRONG);
		ct_line_add_right(line, nothing ? "-" : ct_column_format(view, column, counters, text),
				  layout->widths[i]);
		if (column == view->sort)
			ct_line_style(line, CT_STYLE_PLAIN);
		ct_line_add_blanks(line, GAP);
		if (column != share)
			continue;
		layout->sum += ct_column_value(counters, share);
		add_percent(line, ct_column_value(counters, share), ct_view_whole(view, share));
		if (layout->running)
			add_percent(line, layout->sum, ct_view_whole(view, share));
	}
}

int ct_view_check(const struct ct_line *line, struct ct_error_text *error)
{
	return line->failed ? ct_error_set(error, CT_ERR_MEMORY, "not enough memory to show the report") : 0;
}
