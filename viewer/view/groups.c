/* SPDX-License-Identifier: MIT */
/*
 * The table by function, file, line, module, thread or tag. It is sorted by what the rows allocate themselves, followed
 * by CUM and its percentage. With --cum, it is sorted by what the rows allocate including callees, preceded by SELF%.
 */
#include "view/view.h"

#include <stdlib.h>
#include <string.h>

#include "model/threads.h"
#include "names/names.h"
#include "names/number.h"
#include "view/order.h"

#define PERCENT_WIDTH 5
#define CUM_MIN 8

struct table {
	const struct ct_view *view;
	struct ct_layout layout;
	struct ct_line line;
	const struct ct_group **order;
	size_t count;
	enum ct_column share;
	int cum_width; /* 0: there are no CUM columns */
};

static void add_percent(struct table *table, const struct ct_counters *counters)
{
	char text[CT_NUMBER_ROOM];
	ct_number_percent(text, ct_column_value(counters, table->share), ct_view_whole(table->view, table->share));
	ct_line_add_right(&table->line, text, PERCENT_WIDTH);
	ct_line_add_blanks(&table->line, 2);
}

static void add_head(struct table *table, const char *text, int width)
{
	ct_line_style(&table->line, CT_STYLE_HEAD);
	ct_line_add_right(&table->line, text, width);
	ct_line_style(&table->line, CT_STYLE_PLAIN);
	ct_line_add_blanks(&table->line, 2);
}

/* The name of a group in two parts: the best-known one, and in second what distinguishes it ("" = nothing). */
static const char *name_of(const struct ct_profile *profile, enum ct_group_by by, uint32_t example,
			   char name[CT_NAME_ROOM], char second[CT_NAME_ROOM])
{
	struct ct_frame frame = profile->frames[example];
	second[0] = '\0';
	switch (by) {
	case CT_BY_THREAD:
		return example ? ct_thread_label(profile, &frame) : "(no thread)";
	case CT_BY_TAG:
		return example ? ct_tag_label(profile, &frame) : "(no tag)";
	case CT_BY_MODULE:
		return frame.module ? profile->strings[frame.module] : "(not known)";
	case CT_BY_FILE:
		return frame.file     ? profile->strings[frame.file]
		       : frame.module ? profile->strings[frame.module]
				      : "(not known)";
	case CT_BY_LINE:
		if (!frame.file || !frame.line)
			break;
		ct_name_short(profile, &frame, second);
		return ct_name_place(profile, &frame, name);
	default:
		frame.line = 0; /* it is the line of one call only */
	}
	ct_name_place(profile, &frame, second);
	return ct_name_short(profile, &frame, name);
}

void ct_line_add_group(struct ct_line *line, const struct ct_profile *profile, enum ct_group_by by, uint32_t example)
{
	char name[CT_NAME_ROOM], second[CT_NAME_ROOM];
	ct_line_style(line, CT_STYLE_STRONG);
	ct_line_add_rest(line, name_of(profile, by, example, name, second));
	ct_line_style(line, CT_STYLE_QUIET);
	if (*second && ct_line_left(line) > 4) {
		ct_line_add(line, " ");
		ct_line_add_rest(line, second);
	}
	ct_line_style(line, CT_STYLE_PLAIN);
}

static void put_row(struct table *table, const struct ct_group *group)
{
	const struct ct_view *view = table->view;
	char text[CT_NUMBER_ROOM];
	if (view->cumulative)
		add_percent(table, &group->self);
	ct_layout_numbers(view, &table->layout, view->cumulative ? &group->cumulative : &group->self, &table->line);
	if (table->cum_width) {
		ct_column_format(view, table->share, &group->cumulative, text);
		ct_line_add_right(&table->line, text, table->cum_width);
		ct_line_add_blanks(&table->line, 2);
		add_percent(table, &group->cumulative);
	}
	ct_line_add_group(&table->line, view->profile, view->by, group->example);
	ct_line_end(&table->line);
}

static void put_heads(struct table *table)
{
	const struct ct_view *view = table->view;
	char text[CT_NUMBER_ROOM];
	if (view->cumulative)
		add_head(table, "SELF%", PERCENT_WIDTH);
	ct_layout_heads(view, &table->layout, &table->line);
	if (table->cum_width) {
		add_head(table, "CUM", table->cum_width);
		add_head(table, "CUM%", PERCENT_WIDTH);
	}
	snprintf(text, sizeof(text), "%s", ct_group_by_name(view->by));
	for (char *at = text; *at; at++)
		*at = (char)(*at - 'a' + 'A');
	ct_line_style(&table->line, CT_STYLE_HEAD);
	ct_line_add(&table->line, text);
	if (view->cumulative && !ct_group_by_label(view->by))
		ct_line_add(&table->line, ", including callees");
	ct_line_style(&table->line, CT_STYLE_PLAIN);
	ct_line_end(&table->line);
}

static void put_table(struct table *table)
{
	const struct ct_view *view = table->view;
	unsigned wanted = CT_COLUMNS_PLAIN & ~(1u << CT_COLUMN_AVERAGE | 1u << CT_COLUMN_MAX | 1u << CT_COLUMN_THREADS);
	wanted |= 1u << view->sort;
	size_t shown = ct_order_shown(view, table->count);
	char number[CT_NUMBER_ROOM];
	int width;
	if (ct_view_put_empty(view, &table->line))
		return;
	if (!view->cumulative && !ct_group_by_label(view->by)) {
		width = ct_line_width(view->terminal,
				      ct_column_format(view, table->share, &view->profile->totals, number));
		table->cum_width = width > CUM_MIN ? width : CUM_MIN;
	}
	table->layout.running = !view->cumulative;
	ct_layout_choose(view, wanted, table->cum_width ? table->cum_width + PERCENT_WIDTH + 4 : PERCENT_WIDTH + 2,
			 &table->layout);
	put_heads(table);
	for (size_t i = 0; i < shown; i++)
		put_row(table, table->order[i]);
	if (shown < table->count) {
		ct_line_style(&table->line, CT_STYLE_QUIET);
		ct_line_format(&table->line, "%s more %ss; -n 0 shows all",
			       ct_number_exact(number, table->count - shown), ct_group_by_name(view->by));
		ct_line_style(&table->line, CT_STYLE_PLAIN);
		ct_line_end(&table->line);
	}
}

int ct_view_groups(const struct ct_view *view, struct ct_error_text *error)
{
	struct table table = {.view = view, .share = ct_column_share(view->sort)};
	struct ct_groups groups;
	int code = ct_groups_init(&groups, view->profile, view->by, error);
	if (code == 0) {
		ct_line_init(&table.line, view->terminal, view->out);
		ct_groups_count(&groups, view->profile, view->by, NULL, false);
		table.order = ct_order_groups(view, &groups, &table.count);
		if (table.order)
			put_table(&table);
		else
			table.line.failed = true;
		ct_line_fini(&table.line);
		code = ct_view_check(&table.line, error);
	}
	free(table.order);
	ct_groups_fini(&groups);
	return code;
}
