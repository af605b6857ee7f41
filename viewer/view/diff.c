/* SPDX-License-Identifier: MIT */
#include "view/diff.h"

#include <stdlib.h>
#include <string.h>

#include "names/names.h"
#include "names/number.h"
#include "view/change.h"
#include "view/stack.h"

#define GAP 2
#define TEXT_MIN 34 /* minimum width for names; numbers are left out to keep it */

enum column { CHANGE, PERCENT, MORE, BIGGER, LONGER, OLD, NEW, COLUMNS };

static const char *const heads[COLUMNS] = {"CHANGE", "%", "MORE", "BIGGER", "LONGER", "OLD", "NEW"};
static const int causes[COLUMNS] = {[MORE] = CT_CAUSE_BLOCKS, [BIGGER] = CT_CAUSE_SIZE, [LONGER] = CT_CAUSE_LIFE};

/* The order in which a narrow terminal drops columns. */
static const enum column dispensable[] = {OLD, LONGER, BIGGER, MORE, PERCENT};

struct table {
	const struct ct_diff_view *view;
	struct ct_line line;
	struct ct_origins origins[CT_DIFF_SIDES]; /* the diff's */
	uint32_t *order;
	size_t changed; /* number of rows with a change; they come first in the order */
	size_t shown;
	int widths[COLUMNS]; /* 0 = the column is not shown */
};

static uint64_t total(const struct ct_diff_view *view, enum ct_metric metric, enum ct_diff_side side)
{
	return ct_metric_value(&view->diff->profiles[side]->totals, metric);
}

/* The base of percentages: the old total, or the new one if the old one is 0. */
static double base(const struct ct_diff_view *view, enum ct_metric metric)
{
	uint64_t old = total(view, metric, CT_DIFF_OLD);
	return (double)(old ? old : total(view, metric, CT_DIFF_NEW));
}

static char *format_cell(const struct table *table, const struct ct_diff_row *row, enum column column, char *out)
{
	const struct ct_diff_view *view = table->view;
	int64_t change = ct_diff_change(row, view->metric), parts[CT_CAUSES];
	switch (column) {
	case CHANGE:
		return ct_change_text(view, change, view->metric, out);
	case PERCENT:
		return ct_change_percent(change, base(view, view->metric), out);
	case OLD:
	case NEW:
		return ct_change_amount(view, row->values[column == OLD ? CT_DIFF_OLD : CT_DIFF_NEW][view->metric],
					view->metric, out);
	default:
		ct_diff_causes(row, view->metric, parts);
		return ct_change_text(view, parts[causes[column]], view->metric, out);
	}
}

#define TOTALS_CELLS 5

/* Fill in the heads and, for each metric, a row of totals, as texts. Returns the number of rows. */
static int fill_totals(const struct ct_diff_view *view, char cells[][TOTALS_CELLS][CT_NUMBER_ROOM])
{
	static const enum ct_metric always[] = {CT_METRIC_TOTAL_BYTES, CT_METRIC_TOTAL_BLOCKS, CT_METRIC_PEAK_BYTES,
						CT_METRIC_END_BYTES, CT_METRIC_TEMPORARY_BLOCKS};
	static const char *const names[TOTALS_CELLS] = {"", "OLD", "NEW", "CHANGE", "%"};
	int count = 1;
	for (int i = 0; i < TOTALS_CELLS; i++)
		strcpy(cells[0][i], names[i]);
	for (int i = 1; i < CT_METRIC_COUNT; i++) {
		enum ct_metric metric = (enum ct_metric)i;
		int64_t change = ct_diff_total_change(view->diff, metric);
		bool wanted = metric == view->metric;

		for (size_t j = 0; j < sizeof(always) / sizeof(always[0]); j++)
			wanted = wanted || (metric == always[j] && ct_diff_has(view->diff, metric));
		if (!wanted)
			continue;
		snprintf(cells[count][0], CT_NUMBER_ROOM, "%s", ct_metric_name(metric));
		ct_change_amount(view, total(view, metric, CT_DIFF_OLD), metric, cells[count][1]);
		ct_change_amount(view, total(view, metric, CT_DIFF_NEW), metric, cells[count][2]);
		ct_change_text(view, change, metric, cells[count][3]);
		ct_change_percent(change, base(view, metric), cells[count++][4]);
	}
	return count;
}

static void put_totals(struct table *table)
{
	struct ct_line *line = &table->line;
	char cells[CT_METRIC_COUNT + 1][TOTALS_CELLS][CT_NUMBER_ROOM];
	int widths[TOTALS_CELLS] = {0}, count = fill_totals(table->view, cells);
	for (int i = 0; i < count * TOTALS_CELLS; i++) {
		int width = ct_line_width(line->terminal, cells[i / TOTALS_CELLS][i % TOTALS_CELLS]);

		if (widths[i % TOTALS_CELLS] < width)
			widths[i % TOTALS_CELLS] = width;
	}
	for (int i = 0; i < count; i++) {
		ct_line_style(line, i ? CT_STYLE_QUIET : CT_STYLE_HEAD);
		ct_line_add(line, cells[i][0]);
		ct_line_add_blanks(line, widths[0] - line->columns);
		ct_line_style(line, i ? CT_STYLE_PLAIN : CT_STYLE_HEAD);
		for (int j = 1; j < TOTALS_CELLS; j++) {
			ct_line_add_blanks(line, GAP);
			ct_line_add_right(line, cells[i][j], widths[j]);
		}
		ct_line_style(line, CT_STYLE_PLAIN);
		ct_line_end(line);
	}
	ct_line_end(line);
}

static void choose_columns(struct table *table)
{
	const struct ct_terminal *terminal = table->view->terminal;
	char text[CT_NUMBER_ROOM];
	int sum = TEXT_MIN;
	for (int i = 0; i < COLUMNS; i++) {
		if (i >= MORE && i <= LONGER &&
		    !ct_diff_knows_cause(table->view->diff, table->view->metric, (enum ct_cause)causes[i]))
			continue;
		table->widths[i] = (int)strlen(heads[i]);
		for (size_t j = 0; j < table->shown; j++) {
			const struct ct_diff_row *row = &table->view->diff->rows[table->order[j]];
			int width = ct_line_width(terminal, format_cell(table, row, (enum column)i, text));

			if (table->widths[i] < width)
				table->widths[i] = width;
		}
		sum += table->widths[i] + GAP;
	}
	for (size_t i = 0; i < sizeof(dispensable) / sizeof(dispensable[0]) && sum > terminal->columns; i++) {
		if (table->widths[dispensable[i]])
			sum -= table->widths[dispensable[i]] + GAP;
		table->widths[dispensable[i]] = 0;
	}
}

static void put_heads(struct table *table)
{
	struct ct_line *line = &table->line;
	for (int i = 0; i < COLUMNS; i++) {
		if (!table->widths[i])
			continue;
		ct_line_add_blanks(line, table->widths[i] - (int)strlen(heads[i]));
		ct_line_style(line, i == CHANGE ? CT_STYLE_SORTED : CT_STYLE_HEAD);
		ct_line_add(line, heads[i]);
		ct_line_style(line, CT_STYLE_PLAIN);
		ct_line_add_blanks(line, GAP);
	}
	ct_line_style(line, CT_STYLE_HEAD);
	ct_line_add(line, "WHERE");
	ct_line_style(line, CT_STYLE_PLAIN);
	ct_line_end(line);
}

static void put_row(struct table *table, const struct ct_diff_row *row)
{
	enum ct_diff_side side = ct_diff_shown_side(row);
	const struct ct_profile *profile = table->view->diff->profiles[side];
	struct ct_line *line = &table->line;
	char text[CT_NUMBER_ROOM];
	for (int i = 0; i < COLUMNS; i++) {
		if (!table->widths[i])
			continue;
		if (i == CHANGE)
			ct_line_style(line, ct_change_style(ct_diff_change(row, table->view->metric),
							    base(table->view, table->view->metric)));
		ct_line_add_right(line, format_cell(table, row, (enum column)i, text), table->widths[i]);
		if (i == CHANGE)
			ct_line_style(line, CT_STYLE_PLAIN);
		ct_line_add_blanks(line, GAP);
	}
	if (!row->examples[!side]) {
		ct_line_style(line, side == CT_DIFF_NEW ? CT_STYLE_MORE : CT_STYLE_LESS);
		ct_line_add(line, side == CT_DIFF_NEW ? "new " : "gone ");
	}
	ct_line_add_site(line, profile, row->examples[side],
			 (struct ct_site_look){.origins = &table->origins[side],
					       .callers = !table->view->full,
					       .many_calls = row->many_calls});
	ct_line_end(line);
	if (table->view->full)
		ct_line_put_stack(line, profile, &table->origins[side], row->examples[side]);
}

/* Write the sum of the rows that are not shown, so that the changes on the screen add up to that of the total. */
static void put_rest(struct table *table)
{
	const struct ct_diff_view *view = table->view;
	size_t hidden = table->changed - table->shown, same = view->diff->row_count - table->changed;
	char number[CT_NUMBER_ROOM], more[CT_NUMBER_ROOM], less[CT_NUMBER_ROOM];
	int64_t grown = 0, shrunk = 0;
	for (size_t i = table->shown; i < table->changed; i++) {
		int64_t change = ct_diff_change(&view->diff->rows[table->order[i]], view->metric);

		*(change > 0 ? &grown : &shrunk) += change;
	}
	ct_line_style(&table->line, CT_STYLE_QUIET);
	if (hidden) {
		ct_line_format(&table->line, "%s more row%s with %s and %s; -n 0 shows all",
			       ct_number_exact(number, hidden), hidden == 1 ? "" : "s",
			       ct_change_text(view, grown, view->metric, more),
			       ct_change_text(view, shrunk, view->metric, less));
		ct_line_end(&table->line);
	}
	if (same) {
		ct_line_format(&table->line, "%s row%s without a difference", ct_number_exact(number, same),
			       same == 1 ? "" : "s");
		ct_line_style(&table->line, CT_STYLE_PLAIN);
		ct_line_end(&table->line);
	}
	ct_line_style(&table->line, CT_STYLE_PLAIN);
}

static void count_rows(struct table *table)
{
	const struct ct_diff_view *view = table->view;
	double least = base(view, view->metric) * view->min_percent / 100;
	for (size_t i = 0; i < view->diff->row_count; i++) {
		double change = (double)llabs(ct_diff_change(&view->diff->rows[table->order[i]], view->metric));

		table->changed += change > 0;
		table->shown += change > 0 && change >= least && (!view->rows || i < view->rows);
	}
}

static bool anything_differs(const struct ct_diff *diff)
{
	for (size_t i = 0; i < diff->row_count; i++)
		if (ct_diff_row_differs(diff, &diff->rows[i]))
			return true;
	return false;
}

static void put_diff(struct table *table)
{
	const struct ct_diff_view *view = table->view;
	for (int side = 0; side < CT_DIFF_SIDES; side++)
		ct_change_put_side(view, (enum ct_diff_side)side, &table->line);
	if (!anything_differs(view->diff)) {
		ct_line_add(&table->line, "no difference");
		ct_line_end(&table->line);
		return;
	}
	ct_line_end(&table->line);
	put_totals(table);
	count_rows(table);
	if (!table->changed) {
		ct_line_format(&table->line, "no site differs in %s", ct_metric_name(view->metric));
		ct_line_end(&table->line);
		return;
	}
	if (table->shown) {
		choose_columns(table);
		put_heads(table);
	}
	for (size_t i = 0; i < table->shown; i++)
		put_row(table, &view->diff->rows[table->order[i]]);
	put_rest(table);
}

int ct_view_diff(const struct ct_diff_view *view, struct ct_error_text *error)
{
	struct table table = {.view = view, .order = ct_diff_order(view->diff, view->metric)};
	bool memory = table.order != NULL;
	ct_line_init(&table.line, view->terminal, view->out);
	for (int side = 0; side < CT_DIFF_SIDES; side++) {
		table.origins[side] = view->diff->origins[side];
		if (view->all_frames)
			table.origins[side].rule = CT_ORIGIN_NONE;
	}
	if (memory)
		put_diff(&table);
	memory = memory && !table.line.failed;
	ct_line_fini(&table.line);
	free(table.order);
	return memory ? CT_OK : ct_error_no_memory(error);
}
