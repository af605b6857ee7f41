/* SPDX-License-Identifier: MIT */
/* The table of sites, folded by the program's own code: numbers, own function, and its callers. */
#include "view/view.h"

#include <stdlib.h>
#include <string.h>

#include "names/names.h"
#include "names/number.h"
#include "view/bars.h"
#include "view/order.h"
#include "view/stack.h"

#define FULL_INDENT 4

struct table {
	const struct ct_view *view;
	struct ct_layout layout;
	struct ct_line line;
	struct ct_origins origins;
	struct ct_fold fold;
	struct ct_bars bars;
	uint32_t *order; /* indices of rows */
	size_t shown;
};

/* Write the number of rows that the table does not show, and their share. */
static void put_rest(struct table *table)
{
	enum ct_column share = ct_column_share(table->view->sort);
	size_t left = table->fold.count - table->shown;
	char number[CT_NUMBER_ROOM], percent[CT_NUMBER_ROOM];
	double rest = 0;
	if (left == 0)
		return;
	for (size_t i = table->shown; i < table->fold.count; i++)
		rest += ct_column_value(table->fold.rows[table->order[i]].counters, share);
	ct_number_percent(percent, rest, ct_view_whole(table->view, share));
	ct_line_style(&table->line, CT_STYLE_QUIET);
	ct_line_format(&table->line, "%s more row%s with %s %%; -n 0 shows all", ct_number_exact(number, left),
		       left == 1 ? "" : "s", percent);
	ct_line_style(&table->line, CT_STYLE_PLAIN);
	ct_line_end(&table->line);
}

static void put_spreads(struct table *table, uint32_t row)
{
	for (int i = 0; i < CT_HISTOGRAM_KINDS; i++) {
		struct ct_spread spread = ct_bars_sum(&table->bars, row, (enum ct_histogram_kind)i);
		ct_line_add_blanks(&table->line, FULL_INDENT);
		ct_line_add_spread(&table->line, table->view->profile, (enum ct_histogram_kind)i, &spread);
		ct_line_end(&table->line);
	}
}

static void put_table(struct table *table)
{
	const struct ct_profile *profile = table->view->profile;
	if (ct_view_put_empty(table->view, &table->line))
		return;
	table->layout.running = true;
	/* where threads are apart, each row has one, which it names */
	unsigned without = table->view->split_threads ? 1u << CT_COLUMN_THREADS : 0;
	for (int i = 0; i < CT_HISTOGRAM_KINDS; i++)
		if (table->view->spreads[i])
			ct_bars_show(&table->bars, (enum ct_histogram_kind)i, table->order, table->shown, &table->line);
	ct_layout_choose(table->view, (CT_COLUMNS_PLAIN & ~without) | 1u << table->view->sort,
			 ct_bars_width(&table->bars), &table->layout);
	ct_layout_heads(table->view, &table->layout, &table->line);
	ct_bars_heads(&table->bars, &table->line);
	ct_line_style(&table->line, CT_STYLE_HEAD);
	ct_line_add(&table->line, "WHERE");
	ct_line_style(&table->line, CT_STYLE_PLAIN);
	ct_line_end(&table->line);
	for (size_t i = 0; i < table->shown; i++) {
		const struct ct_fold_row *row = &table->fold.rows[table->order[i]];
		const struct ct_site_row *site = &profile->sites[row->site];

		ct_layout_numbers(table->view, &table->layout, row->counters, &table->line);
		ct_bars_row(&table->bars, table->order[i], &table->line);
		ct_line_add_site(&table->line, profile, site,
				 (struct ct_site_look){.origins = &table->origins,
						       .callers = !table->view->full,
						       .many_calls = row->many_calls});
		ct_line_end(&table->line);
		if (table->view->full && profile->has_histograms)
			put_spreads(table, table->order[i]);
		if (table->view->full)
			ct_line_put_stack(&table->line, profile, &table->origins, site);
	}
	put_rest(table);
}

int ct_view_sites(const struct ct_view *view, struct ct_error_text *error)
{
	struct table table = {.view = view};
	ct_line_init(&table.line, view->terminal, view->out);
	if (ct_view_fold(view, &table.origins, &table.fold) == 0 &&
	    ct_bars_init(&table.bars, view->profile, &table.fold, NULL) == 0 &&
	    (table.order = ct_order_rows(view, &table.fold))) {
		table.shown = ct_order_shown(view, table.fold.count);
		put_table(&table);
	} else {
		table.line.failed = true;
	}
	ct_line_fini(&table.line);
	ct_bars_fini(&table.bars);
	ct_fold_fini(&table.fold);
	ct_origins_fini(&table.origins);
	free(table.order);
	return ct_view_check(&table.line, error);
}
