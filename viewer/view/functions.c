/* SPDX-License-Identifier: MIT */
/*
 * By function, inclusive: everything allocated while a function was on the stack. A function that
 * stands in a stack several times (recursion) counts that site once. Self is what it allocates itself,
 * allocator functions skipped.
 */
#include "view/view.h"

#include <stdlib.h>
#include <string.h>

#include "view/function_sums.h"
#include "view/names.h"
#include "view/number.h"

struct table {
	const struct ct_view *view;
	struct ct_layout layout;
	struct ct_line line;
	bool *allocators;
	struct ct_function_sums sums;
};

void ct_line_add_function(struct ct_line *line, const struct ct_profile *profile, const struct ct_frame *frame)
{
	char text[CT_NAME_ROOM];

	ct_line_style(line, CT_STYLE_STRONG);
	ct_line_add_rest(line, ct_name_short(profile, frame, text));
	ct_line_style(line, CT_STYLE_QUIET);
	/* the line is that of one call only: name the file alone */
	if (ct_line_left(line) > 4) {
		struct ct_frame file_only = *frame;

		file_only.line = 0;
		ct_line_add(line, " ");
		ct_line_add_rest(line, ct_name_place(profile, &file_only, text));
	}
	ct_line_style(line, CT_STYLE_PLAIN);
}

static void put_row(struct table *table, const struct ct_function_sum *function)
{
	const struct ct_view *view = table->view;
	enum ct_column share = ct_column_share(view->sort);
	char text[CT_NAME_ROOM];

	ct_number_percent(text, ct_column_value(&function->self, share),
			  ct_column_value(&view->profile->totals, share));
	ct_line_add_right(&table->line, text, 5);
	ct_line_add_blanks(&table->line, 2);
	ct_layout_numbers(view, &table->layout, &function->inclusive, &table->line);
	ct_line_add_function(&table->line, view->profile, &view->profile->frames[function->example]);
	ct_line_end(&table->line);
}

static void put_table(struct table *table)
{
	const struct ct_view *view = table->view;
	unsigned wanted = 1u << CT_COLUMN_TOTAL | 1u << CT_COLUMN_BLOCKS | 1u << CT_COLUMN_PEAK | 1u << CT_COLUMN_END |
			  1u << CT_COLUMN_LIFETIME;
	size_t shown = view->rows && view->rows < table->sums.count ? view->rows : table->sums.count;
	char number[CT_NUMBER_ROOM];

	ct_layout_choose(view, wanted, 7, &table->layout);
	ct_line_style(&table->line, CT_STYLE_HEAD);
	ct_line_add(&table->line, "SELF%");
	ct_line_style(&table->line, CT_STYLE_PLAIN);
	ct_line_add_blanks(&table->line, 2);
	ct_layout_heads(view, &table->layout, &table->line);
	ct_line_style(&table->line, CT_STYLE_HEAD);
	ct_line_add(&table->line, "FUNCTION, with all that it calls");
	ct_line_style(&table->line, CT_STYLE_PLAIN);
	ct_line_end(&table->line);
	for (size_t i = 0; i < shown; i++)
		put_row(table, table->sums.order[i]);
	if (shown < table->sums.count) {
		ct_line_style(&table->line, CT_STYLE_QUIET);
		ct_line_format(&table->line, "%s more functions; -n 0 shows all",
			       ct_number_exact(number, table->sums.count - shown));
		ct_line_style(&table->line, CT_STYLE_PLAIN);
		ct_line_end(&table->line);
	}
}

int ct_view_functions(const struct ct_view *view, struct ct_error_text *error)
{
	const struct ct_profile *profile = view->profile;
	struct table table = {.view = view, .allocators = ct_names_find_allocators(profile)};

	ct_line_init(&table.line, view->terminal, view->out);
	if (table.allocators && ct_function_sums_init(&table.sums, profile, table.allocators, NULL) == 0) {
		ct_function_sums_sort(&table.sums, view->sort);
		put_table(&table);
	} else {
		table.line.failed = true;
	}
	ct_line_fini(&table.line);
	ct_function_sums_fini(&table.sums);
	free(table.allocators);
	return ct_view_check(&table.line, error);
}
