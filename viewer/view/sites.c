/* SPDX-License-Identifier: MIT */
/* The table of sites: one line each, the numbers and who allocates there. */
#include "view/view.h"

#include <stdlib.h>
#include <string.h>

#include "view/names.h"
#include "view/number.h"
#include "view/order.h"

struct table {
	const struct ct_view *view;
	struct ct_layout layout;
	struct ct_line line;
	bool *allocators;
	uint32_t *order; /* indices of sites */
	size_t shown;
};

static const struct ct_frame *frame_at(const struct ct_profile *profile, const struct ct_site_row *site, uint32_t index)
{
	return &profile->frames[profile->frame_ids[site->first_frame + index]];
}

/* " < caller < caller": as many as fit, a run of one function once. */
static void add_callers(struct table *table, const struct ct_site_row *site, uint32_t index)
{
	const struct ct_profile *profile = table->view->profile;
	char name[CT_NAME_ROOM];

	ct_line_style(&table->line, CT_STYLE_QUIET);
	while (index < site->frame_count && ct_line_left(&table->line) > 4) {
		uint32_t key = ct_name_key(profile, frame_at(profile, site, index));
		uint32_t run = 1;

		while (index + run < site->frame_count &&
		       ct_name_key(profile, frame_at(profile, site, index + run)) == key)
			run++;
		ct_line_add(&table->line, " < ");
		ct_line_add_rest(&table->line, ct_name_short(profile, frame_at(profile, site, index), name));
		if (run > 1 && ct_line_left(&table->line) > 6)
			ct_line_format(&table->line, " ×%u", run);
		index += run;
	}
	ct_line_style(&table->line, CT_STYLE_PLAIN);
}

static void add_site(struct table *table, const struct ct_site_row *site)
{
	const struct ct_profile *profile = table->view->profile;
	uint32_t leaf = ct_name_leaf(profile, table->allocators, site);
	const struct ct_frame *frame = frame_at(profile, site, leaf);
	char text[CT_NAME_ROOM];

	ct_line_style(&table->line, CT_STYLE_STRONG);
	ct_line_add_rest(&table->line, ct_name_short(profile, frame, text));
	ct_line_style(&table->line, CT_STYLE_QUIET);
	if (*ct_name_place(profile, frame, text) && ct_line_left(&table->line) > 4) {
		ct_line_add(&table->line, " ");
		ct_line_add_rest(&table->line, text);
	}
	ct_line_style(&table->line, CT_STYLE_PLAIN);
	if (!table->view->full)
		add_callers(table, site, leaf + 1);
}

/* The whole stack, one frame a line, nothing cut. */
static void put_stack(struct table *table, const struct ct_site_row *site)
{
	const struct ct_profile *profile = table->view->profile;
	char place[CT_NAME_ROOM];

	for (uint32_t i = 0; i < site->frame_count; i++) {
		const struct ct_frame *frame = frame_at(profile, site, i);
		const char *function = profile->strings[frame->function];

		ct_line_format(&table->line, "    %s ", i == 0 ? "at" : "by");
		ct_line_add(&table->line, *function ? function : "???");
		ct_line_style(&table->line, CT_STYLE_QUIET);
		if (*ct_name_place(profile, frame, place)) {
			ct_line_add(&table->line, "  ");
			ct_line_add(&table->line, place);
		}
		if (frame->inlined)
			ct_line_add(&table->line, "  inlined");
		ct_line_style(&table->line, CT_STYLE_PLAIN);
		ct_line_end(&table->line);
	}
	if (site->truncated) {
		ct_line_add(&table->line, "    .. the stack does not reach its root");
		ct_line_end(&table->line);
	}
	ct_line_end(&table->line);
}

/* What the table does not show: number of sites, and their share. */
static void put_rest(struct table *table)
{
	const struct ct_profile *profile = table->view->profile;
	enum ct_column share = ct_column_share(table->view->sort);
	size_t left = profile->site_count - table->shown;
	char number[CT_NUMBER_ROOM], percent[CT_NUMBER_ROOM];
	double rest = 0;

	if (left == 0)
		return;
	for (size_t i = table->shown; i < profile->site_count; i++)
		rest += ct_column_value(&profile->sites[table->order[i]].counters, share);
	ct_number_percent(percent, rest, ct_view_whole(table->view, share));
	ct_line_style(&table->line, CT_STYLE_QUIET);
	ct_line_format(&table->line, "%s more site%s with %s %%; -n 0 shows all", ct_number_exact(number, left),
		       left == 1 ? "" : "s", percent);
	ct_line_style(&table->line, CT_STYLE_PLAIN);
	ct_line_end(&table->line);
}

static void put_table(struct table *table)
{
	const struct ct_profile *profile = table->view->profile;

	table->layout.running = true;
	ct_layout_choose(table->view, (1u << CT_COLUMN_COUNT) - 1, 0, &table->layout);
	ct_layout_heads(table->view, &table->layout, &table->line);
	ct_line_style(&table->line, CT_STYLE_HEAD);
	ct_line_add(&table->line, "WHERE");
	ct_line_style(&table->line, CT_STYLE_PLAIN);
	ct_line_end(&table->line);
	for (size_t i = 0; i < table->shown; i++) {
		const struct ct_site_row *site = &profile->sites[table->order[i]];

		ct_layout_numbers(table->view, &table->layout, &site->counters, &table->line);
		add_site(table, site);
		ct_line_end(&table->line);
		if (table->view->full)
			put_stack(table, site);
	}
	put_rest(table);
}

int ct_view_sites(const struct ct_view *view, struct ct_error_text *error)
{
	struct table table = {
		.view = view,
		.allocators = ct_names_find_allocators(view->profile),
		.order = ct_order_sites(view),
		.shown = ct_order_shown(view, view->profile->site_count),
	};

	ct_line_init(&table.line, view->terminal, view->out);
	if (table.allocators && table.order)
		put_table(&table);
	else
		table.line.failed = true;
	ct_line_fini(&table.line);
	free(table.allocators);
	free(table.order);
	return ct_view_check(&table.line, error);
}
