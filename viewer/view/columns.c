/* SPDX-License-Identifier: MIT */
#include "view/view.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "view/number.h"

#define GAP 2
#define PERCENT_WIDTH 5
#define TEXT_LEAST 34 /* columns left for names before numbers are left out */

/* What a narrow terminal loses first: what can be worked out from the rest. */
static const enum ct_column dispensable[] = {
	CT_COLUMN_AVERAGE, CT_COLUMN_LIFETIME, CT_COLUMN_MAX, CT_COLUMN_BLOCKS, CT_COLUMN_END, CT_COLUMN_PEAK,
};

bool ct_column_exists(const struct ct_profile *profile, enum ct_column column)
{
	if (column >= CT_COLUMN_RATE)
		return profile->recent_us != 0;
	return profile->has_lifetimes || column < CT_COLUMN_MAX;
}

double ct_column_value(const struct ct_counters *counters, enum ct_column column)
{
	double blocks = counters->total_blocks ? (double)counters->total_blocks : 1;

	switch (column) {
	case CT_COLUMN_BLOCKS:
		return (double)counters->total_blocks;
	case CT_COLUMN_AVERAGE:
		return (double)counters->total_bytes / blocks;
	case CT_COLUMN_MAX:
		return (double)counters->max_bytes;
	case CT_COLUMN_PEAK:
		return (double)counters->peak_bytes;
	case CT_COLUMN_END:
		return (double)counters->end_bytes;
	case CT_COLUMN_LIFETIME:
		return (double)counters->lifetime / blocks;
	case CT_COLUMN_RATE:
		return (double)counters->recent_bytes;
	case CT_COLUMN_BLOCK_RATE:
		return (double)counters->recent_blocks;
	case CT_COLUMN_GROWN:
		return (double)counters->grown_bytes;
	default:
		return (double)counters->total_bytes;
	}
}

enum ct_column ct_column_share(enum ct_column sort)
{
	switch (sort) {
	case CT_COLUMN_BLOCKS:
	case CT_COLUMN_PEAK:
	case CT_COLUMN_END:
	case CT_COLUMN_RATE:
	case CT_COLUMN_BLOCK_RATE:
		return sort;
	default:
		return CT_COLUMN_TOTAL;
	}
}

/* Bytes, or what else the profile counts. */
static uint64_t amount(const struct ct_counters *counters, enum ct_column column)
{
	switch (column) {
	case CT_COLUMN_AVERAGE:
		return counters->total_blocks ? counters->total_bytes / counters->total_blocks : 0;
	case CT_COLUMN_MAX:
		return counters->max_bytes;
	case CT_COLUMN_PEAK:
		return counters->peak_bytes;
	case CT_COLUMN_END:
		return counters->end_bytes;
	default:
		return counters->total_bytes;
	}
}

/* What only a running program has. */
static char *format_live(const struct ct_view *view, enum ct_column column, const struct ct_counters *counters,
			 char *out)
{
	double seconds = (double)view->profile->recent_us / 1e6;
	double value = ct_column_value(counters, column);
	uint64_t magnitude = (uint64_t)(value < 0 ? -value : value);

	if (column == CT_COLUMN_BLOCK_RATE)
		return ct_number_short(out, (double)(uint64_t)(value / seconds + 0.5));
	if (column == CT_COLUMN_RATE)
		return ct_number_bytes_column(out, (uint64_t)(value / seconds + 0.5));
	out[0] = value < 0 ? '-' : '+';
	if (view->exact)
		ct_number_exact(out + 1, magnitude);
	else
		ct_number_bytes_column(out + 1, magnitude);
	return out;
}

char *ct_column_format(const struct ct_view *view, enum ct_column column, const struct ct_counters *counters, char *out)
{
	bool exact = view->exact || view->profile->mode == CT_MODE_AD_HOC;

	if (column >= CT_COLUMN_RATE)
		return format_live(view, column, counters, out);
	if (column == CT_COLUMN_BLOCKS)
		return ct_number_exact(out, counters->total_blocks);
	if (column == CT_COLUMN_LIFETIME && view->exact)
		return ct_number_exact(out, counters->total_blocks ? counters->lifetime / counters->total_blocks : 0);
	if (column == CT_COLUMN_LIFETIME)
		return ct_number_time(out, ct_column_value(counters, column), view->profile->time_unit);
	if (column == CT_COLUMN_AVERAGE && exact) {
		snprintf(out, CT_NUMBER_ROOM, "%.1f", ct_column_value(counters, column));
		return out;
	}
	return exact ? ct_number_exact(out, amount(counters, column))
		     : ct_number_bytes_column(out, amount(counters, column));
}

static void upper_case(char *text)
{
	for (; *text; text++)
		*text = (char)toupper((unsigned char)*text);
}

/* The head: the names that the kind of profile has for its numbers. */
static char *head(const struct ct_view *view, enum ct_column column, char out[CT_NUMBER_ROOM])
{
	static const char *const names[CT_COLUMN_COUNT] = {"total", "blocks",   "avg",     "max",      "peak",
							   "end",   "lifetime", "bytes/s", "blocks/s", "grown"};
	const struct ct_profile *profile = view->profile;
	const char *name = names[column];

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

/* The widest that any row can need: no number is above the totals, save averages of small ones. */
static int width(const struct ct_view *view, enum ct_column column)
{
	char text[CT_NUMBER_ROOM];
	struct ct_counters totals = view->profile->totals;
	int wide = ct_line_width(view->terminal, head(view, column, text));
	int numbers;

	totals.max_bytes = totals.total_bytes;
	totals.recent_bytes = totals.recent_blocks = 0;
	totals.grown_bytes = (int64_t)totals.total_bytes;
	if (column == CT_COLUMN_LIFETIME && view->exact)
		totals = (struct ct_counters){.lifetime = view->profile->end_time, .total_blocks = 1};
	numbers = ct_line_width(view->terminal, ct_column_format(view, column, &totals, text));
	if (numbers < 8 && !view->exact && column != CT_COLUMN_BLOCKS)
		numbers = 8;
	if (column == CT_COLUMN_LIFETIME && !view->exact)
		numbers = ct_line_width(view->terminal, ct_number_time(text, 1.11e9, view->profile->time_unit));
	return numbers > wide ? numbers : wide;
}

static int total_width(const struct ct_layout *layout, int extra)
{
	int sum = extra + PERCENT_WIDTH + GAP;

	for (int i = 0; i < layout->count; i++)
		sum += layout->widths[i] + GAP;
	return sum;
}

static bool drop(struct ct_layout *layout, enum ct_column column)
{
	for (int i = 0; i < layout->count; i++) {
		if (layout->columns[i] != column)
			continue;
		layout->count--;
		memmove(layout->columns + i, layout->columns + i + 1,
			(size_t)(layout->count - i) * sizeof(layout->columns[0]));
		memmove(layout->widths + i, layout->widths + i + 1,
			(size_t)(layout->count - i) * sizeof(layout->widths[0]));
		return true;
	}
	return false;
}

void ct_layout_choose(const struct ct_view *view, unsigned wanted, int extra, struct ct_layout *layout)
{
	layout->count = 0;
	for (int i = 0; i < CT_COLUMN_COUNT; i++) {
		if (!(wanted & 1u << i) || !ct_column_exists(view->profile, (enum ct_column)i))
			continue;
		layout->columns[layout->count] = (enum ct_column)i;
		layout->widths[layout->count++] = width(view, (enum ct_column)i);
	}
	for (size_t i = 0; i < sizeof(dispensable) / sizeof(dispensable[0]); i++) {
		if (total_width(layout, extra) + TEXT_LEAST <= view->terminal->columns)
			break;
		if (dispensable[i] != view->sort)
			drop(layout, dispensable[i]);
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
		}
	}
}

void ct_layout_numbers(const struct ct_view *view, const struct ct_layout *layout, const struct ct_counters *counters,
		       struct ct_line *line)
{
	enum ct_column share = ct_column_share(view->sort);
	char text[CT_NUMBER_ROOM];

	for (int i = 0; i < layout->count; i++) {
		enum ct_column column = layout->columns[i];
		bool nothing = column >= CT_COLUMN_MAX && ct_column_value(counters, column) == 0;

		if (column == view->sort)
			ct_line_style(line, CT_STYLE_STRONG);
		ct_line_add_right(line, nothing ? "-" : ct_column_format(view, column, counters, text),
				  layout->widths[i]);
		if (column == view->sort)
			ct_line_style(line, CT_STYLE_PLAIN);
		ct_line_add_blanks(line, GAP);
		if (column != share)
			continue;
		ct_number_percent(text, ct_column_value(counters, share),
				  ct_column_value(&view->profile->totals, share));
		ct_line_add_right(line, text, PERCENT_WIDTH);
		ct_line_add_blanks(line, GAP);
	}
}

int ct_view_check(const struct ct_line *line, struct ct_error_text *error)
{
	return line->failed ? ct_error_set(error, CT_ERR_MEMORY, "not enough memory to show the report") : 0;
}
