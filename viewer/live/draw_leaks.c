/* SPDX-License-Identifier: MIT */
#include "live/draw_leaks.h"

#include <stdio.h>
#include <string.h>

#include "live/views.h"
#include "names/number.h"

#define WORD_WIDTH 5 /* "grows", which a rate follows */
#define RATE_WIDTH 11 /* " 12.3 MiB/s" */
#define RATE_FROM 100 /* from this width of the terminal on, findings have a rate */
#define GAP 2
#define VERDICT_LINES 2

static bool has_rate(const struct ct_screen *screen)
{
	return screen->terminal.columns >= RATE_FROM;
}

static const char *word_of(const struct ct_live_row *row)
{
	if (row->leak)
		return row->leak->kind == CT_ADVICE_LOST ? "lost" : "grows";
	return row->stay ? ct_growth_name(row->stay->growth.kind) : "";
}

int ct_draw_leaks_width(const struct ct_screen *screen)
{
	int width = 0, rate = 0;
	for (size_t i = 0; i < screen->rows.count; i++) {
		int length = (int)strlen(word_of(&screen->rows.rows[i]));
		width = length > width ? length : width;
		if (screen->rows.rows[i].leak && has_rate(screen))
			rate = RATE_WIDTH;
	}
	width = rate && width < WORD_WIDTH + rate ? WORD_WIDTH + rate : width;
	return width ? width + GAP : 0;
}

void ct_draw_leaks_cell(const struct ct_screen *screen, const struct ct_live_row *row, struct ct_line *line)
{
	int end = line->columns + ct_draw_leaks_width(screen);
	char number[CT_NUMBER_ROOM];
	if (end == line->columns)
		return;
	if (!row) {
		ct_line_style(line, CT_STYLE_HEAD);
		ct_line_add(line, "LEAK");
	} else {
		double rate = row->leak ? ct_advice_per_second(screen->profile, row->leak) : 0;
		ct_line_style(line, !row->leak                          ? CT_STYLE_QUIET
				    : row->leak->kind == CT_ADVICE_LOST ? CT_STYLE_LOSS
									: CT_STYLE_MORE);
		ct_line_add(line, word_of(row));
		if (has_rate(screen) && rate >= 1 && rate < 0x1p63)
			ct_line_format(line, " %s/s", ct_number_bytes(number, (uint64_t)rate));
	}
	ct_line_style(line, CT_STYLE_PLAIN);
	ct_line_add_blanks(line, end - line->columns);
}

static void put_label(struct ct_line *line, const char *label)
{
	ct_line_style(line, CT_STYLE_QUIET);
	ct_line_add(line, label);
	ct_line_style(line, CT_STYLE_PLAIN);
	ct_line_add_blanks(line, CT_LABEL_WIDTH - line->columns);
}

static void put_classes(const struct ct_screen *screen, const struct ct_view *view, struct ct_line *line)
{
	const struct ct_counters *sums = &screen->leaking.leaks.sums;
	const struct {
		const char *name;
		uint64_t bytes;
	} classes[] = {
		{"lost ", sums->lost_bytes},
		{", indirectly ", sums->indirect_bytes},
		{", possibly ", sums->possible_bytes},
		{", reachable ", sums->reachable_bytes},
		{", suppressed ", screen->leaking.leaks.suppressed.end_bytes},
	};
	put_label(line, "classes");
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		char number[CT_NUMBER_ROOM];
		if (i && !classes[i].bytes)
			continue;
		ct_line_add_rest(line, classes[i].name);
		ct_line_add_rest(line, view->exact ? ct_number_exact(number, classes[i].bytes)
						   : ct_number_bytes(number, classes[i].bytes));
	}
	ct_line_end(line);
}

/* The number of bytes of text that fit into room columns, up to the end of a word. */
static size_t fitting(const struct ct_line *line, const char *text, int room)
{
	char part[CT_ADVICE_ROOM * 2];
	size_t best = 0;
	for (size_t end = strcspn(text, " "); end < sizeof(part); end += 1 + strcspn(text + end + 1, " ")) {
		snprintf(part, sizeof(part), "%.*s", (int)end, text);
		if (ct_line_width(line->terminal, part) > room)
			break;
		best = end;
		if (!text[end])
			break;
	}
	return best;
}

static void put_verdict(const struct ct_screen *screen, struct ct_line *line)
{
	const char *text = screen->leaking.verdict;
	for (int i = 0; i < VERDICT_LINES && *text; i++) {
		char part[CT_ADVICE_ROOM * 2];
		put_label(line, i ? "" : "leaks");
		ct_line_style(line, CT_STYLE_STRONG);
		size_t length = i + 1 < VERDICT_LINES ? fitting(line, text, ct_line_left(line)) : strlen(text);
		snprintf(part, sizeof(part), "%.*s", (int)(length ? length : strlen(text)), text);
		ct_line_add_rest(line, part);
		ct_line_style(line, CT_STYLE_PLAIN);
		ct_line_end(line);
		text += length ? length + (text[length] == ' ') : strlen(text);
	}
}

void ct_draw_leaks_header(const struct ct_screen *screen, struct ct_view *view, struct ct_line *line)
{
	if (screen->profile->has_reach)
		put_classes(screen, view, line);
	put_verdict(screen, line);
}

void ct_draw_leaks_layout(const struct ct_screen *screen, struct ct_view *view, struct ct_layout *layout)
{
	view->column_count = ct_screen_leak_columns(screen, view->columns);
	view->columns_yield = true;
	ct_layout_choose(view, 0, ct_draw_leaks_width(screen), layout);
}
