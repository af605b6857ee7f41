/* SPDX-License-Identifier: MIT */
#include "view/view.h"

#include "names/number.h"

#define COLUMN 11

static void add_bytes(const struct ct_view *view, struct ct_line *line, uint64_t bytes)
{
	char number[CT_NUMBER_ROOM];
	ct_line_add_right(line, view->exact ? ct_number_exact(number, bytes) : ct_number_bytes_column(number, bytes),
			  view->exact ? COLUMN + 6 : COLUMN);
}

static void put_heads(const struct ct_view *view, struct ct_line *line)
{
	static const char *const heads[] = {"TIME", "LIVE", "BLOCKS", "ALLOCATED", "BLOCKS"};
	ct_line_style(line, CT_STYLE_HEAD);
	for (int i = 0; i < 5; i++)
		ct_line_add_right(line, heads[i], view->exact && i % 2 ? COLUMN + 6 : COLUMN);
	ct_line_add(line, "  MARK");
	ct_line_style(line, CT_STYLE_PLAIN);
	ct_line_end(line);
}

int ct_view_marks(const struct ct_view *view, struct ct_error_text *error)
{
	const struct ct_profile *profile = view->profile;
	struct ct_profile_mark before = {0};
	char number[CT_NUMBER_ROOM];
	struct ct_line line;
	ct_line_init(&line, view->terminal, view->out);
	put_heads(view, &line);
	for (size_t i = 0; i < profile->mark_count && (!view->rows || i < view->rows); i++) {
		const struct ct_profile_mark *mark = &profile->marks[i];

		ct_line_add_right(&line, ct_number_time(number, (double)mark->time, profile->time_unit), COLUMN);
		add_bytes(view, &line, mark->live_bytes);
		ct_line_add_right(&line, ct_number_exact(number, mark->live_blocks), COLUMN);
		add_bytes(view, &line, mark->total_bytes - before.total_bytes);
		ct_line_add_right(&line, ct_number_exact(number, mark->total_blocks - before.total_blocks), COLUMN);
		ct_line_add(&line, "  ");
		ct_line_add_rest(&line, mark->name);
		ct_line_end(&line);
		before = *mark;
	}
	if (view->rows && profile->mark_count > view->rows) {
		ct_line_format(&line, "%s more (-n 0)", ct_number_exact(number, profile->mark_count - view->rows));
		ct_line_end(&line);
	}
	ct_line_fini(&line);
	return ct_view_check(&line, error);
}
