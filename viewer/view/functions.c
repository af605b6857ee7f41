/* SPDX-License-Identifier: MIT */
/*
 * By function, inclusive: everything allocated while a function was on the stack. A function that
 * stands in a stack several times (recursion) counts that site once. Self is what it allocates itself,
 * allocator functions skipped.
 */
#include "view/view.h"

#include <stdlib.h>
#include <string.h>

#include "view/names.h"
#include "view/number.h"

struct function {
	struct ct_counters inclusive;
	struct ct_counters self;
	uint32_t example; /* a frame of it */
	uint32_t seen; /* number of the last site that counted, from 1 */
};

struct table {
	const struct ct_view *view;
	struct ct_layout layout;
	struct ct_line line;
	bool *allocators;
	struct function *functions; /* by ct_name_key */
	struct function **order;
	size_t count;
};

static struct function *function_of(struct table *table, uint32_t frame_id)
{
	const struct ct_profile *profile = table->view->profile;
	struct function *function = &table->functions[ct_name_key(profile, &profile->frames[frame_id])];

	if (!function->example)
		function->example = frame_id;
	return function;
}

static void count_site(struct table *table, uint32_t number)
{
	const struct ct_profile *profile = table->view->profile;
	const struct ct_site_row *site = &profile->sites[number - 1];
	uint32_t leaf = ct_name_leaf(profile, table->allocators, site);

	for (uint32_t i = leaf; i < site->frame_count; i++) {
		struct function *function = function_of(table, profile->frame_ids[site->first_frame + i]);

		if (i == leaf)
			ct_counters_add(&function->self, &site->counters);
		if (function->seen == number)
			continue;
		function->seen = number;
		ct_counters_add(&function->inclusive, &site->counters);
	}
}

static int compare(const void *a, const void *b, void *context)
{
	const struct function *first = *(struct function *const *)a, *second = *(struct function *const *)b;
	enum ct_column sort = *(enum ct_column *)context;
	double x = ct_column_value(&first->inclusive, sort), y = ct_column_value(&second->inclusive, sort);

	if (x != y)
		return x < y ? 1 : -1;
	/* among callers of one chain the outermost first */
	x = ct_column_value(&first->self, sort);
	y = ct_column_value(&second->self, sort);
	if (x != y)
		return x < y ? -1 : 1;
	return first->example < second->example ? 1 : first->example > second->example ? -1 : 0;
}

static void put_row(struct table *table, const struct function *function)
{
	const struct ct_view *view = table->view;
	const struct ct_frame *frame = &view->profile->frames[function->example];
	enum ct_column share = ct_column_share(view->sort);
	char text[CT_NAME_ROOM];

	ct_number_percent(text, ct_column_value(&function->self, share),
			  ct_column_value(&view->profile->totals, share));
	ct_line_add_right(&table->line, text, 5);
	ct_line_add_blanks(&table->line, 2);
	ct_layout_numbers(view, &table->layout, &function->inclusive, &table->line);
	ct_line_style(&table->line, CT_STYLE_STRONG);
	ct_line_add_rest(&table->line, ct_name_short(view->profile, frame, text));
	ct_line_style(&table->line, CT_STYLE_QUIET);
	/* the line is that of one call only: name the file alone */
	if (ct_line_left(&table->line) > 4) {
		struct ct_frame file_only = *frame;

		file_only.line = 0;
		ct_line_add(&table->line, " ");
		ct_line_add_rest(&table->line, ct_name_place(view->profile, &file_only, text));
	}
	ct_line_style(&table->line, CT_STYLE_PLAIN);
	ct_line_end(&table->line);
}

static void put_table(struct table *table)
{
	const struct ct_view *view = table->view;
	unsigned wanted = 1u << CT_COLUMN_TOTAL | 1u << CT_COLUMN_BLOCKS | 1u << CT_COLUMN_PEAK | 1u << CT_COLUMN_END |
			  1u << CT_COLUMN_LIFETIME;
	size_t shown = view->rows && view->rows < table->count ? view->rows : table->count;
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
		put_row(table, table->order[i]);
	if (shown < table->count) {
		ct_line_style(&table->line, CT_STYLE_QUIET);
		ct_line_format(&table->line, "%s more functions; -n 0 shows all",
			       ct_number_exact(number, table->count - shown));
		ct_line_style(&table->line, CT_STYLE_PLAIN);
		ct_line_end(&table->line);
	}
}

int ct_view_functions(const struct ct_view *view, struct ct_error_text *error)
{
	const struct ct_profile *profile = view->profile;
	size_t slots = profile->string_count * 2 + 1;
	enum ct_column sort = view->sort;
	struct table table = {
		.view = view,
		.allocators = ct_names_find_allocators(profile),
		.functions = calloc(slots, sizeof(*table.functions)),
		.order = calloc(slots, sizeof(struct function *)),
	};

	ct_line_init(&table.line, view->terminal, view->out);
	if (table.allocators && table.functions && table.order) {
		for (size_t i = 0; i < profile->site_count; i++)
			count_site(&table, (uint32_t)i + 1);
		for (size_t i = 0; i < slots; i++) {
			if (table.functions[i].example)
				table.order[table.count++] = &table.functions[i];
		}
		qsort_r(table.order, table.count, sizeof(*table.order), compare, &sort);
		put_table(&table);
	} else {
		table.line.failed = true;
	}
	ct_line_fini(&table.line);
	free(table.allocators);
	free(table.functions);
	free(table.order);
	return ct_view_check(&table.line, error);
}
