/* SPDX-License-Identifier: MIT */
/* Writes the screen's text, from the same parts as the plain views. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "live/draw_keys.h"
#include "live/draw_leaks.h"
#include "live/views.h"
#include "names/names.h"
#include "names/number.h"
#include "util/whole.h"
#include "view/bars.h"
#include "view/stack.h"

#define LABEL_WIDTH 10
#define INDENT 2
#define SELF_WIDTH 5
#define GAP 2
#define STACK_MAX 9 /* lines of the lower pane; the rows get the rest */
#define SPREADS_ROOM 7 /* lines of the lower pane that has histograms too */
#define WIDE 100 /* from this width on, a running program's rows have more numbers */
#define WIDER 150 /* from this width on, they have all numbers */

struct draw {
	struct ct_screen *screen;
	struct ct_view view;
	struct ct_layout layout;
	struct ct_line line;
	char *text;
	size_t length;
};

static int lines_used(struct draw *draw)
{
	int lines = 0;
	fflush(draw->line.out);
	for (size_t i = 0; i < draw->length; i++)
		lines += draw->text[i] == '\n';
	return lines;
}

static void put_styled(struct draw *draw, enum ct_style style, const char *text)
{
	ct_line_style(&draw->line, style);
	ct_line_add_rest(&draw->line, text);
	ct_line_style(&draw->line, CT_STYLE_PLAIN);
}

static void put_label(struct draw *draw, const char *label)
{
	put_styled(draw, CT_STYLE_QUIET, label);
	ct_line_add_blanks(&draw->line, LABEL_WIDTH - draw->line.columns);
}

static const char *bytes_of(const struct draw *draw, uint64_t bytes, char out[CT_NUMBER_ROOM])
{
	bool exact = draw->view.exact || draw->view.profile->mode == CT_MODE_AD_HOC;
	return exact ? ct_number_exact(out, bytes) : ct_number_bytes(out, bytes);
}

/* Add "12.3 MiB in 1,234 blocks". The metric after the one of bytes counts the blocks; not every file knows them. */
static void add_amount(struct draw *draw, const char *before, enum ct_metric metric)
{
	const struct ct_counters *totals = &draw->view.profile->totals;
	char text[CT_NUMBER_ROOM * 4], number[CT_NUMBER_ROOM], count[CT_NUMBER_ROOM];
	bytes_of(draw, ct_metric_value(totals, metric), number);
	if (ct_metric_exists(draw->view.profile, metric + 1))
		snprintf(text, sizeof(text), "%s%s in %s", before, number,
			 ct_number_count(count, ct_metric_value(totals, metric + 1), draw->view.profile->blocks_unit));
	else
		snprintf(text, sizeof(text), "%s%s", before, number);
	ct_line_add_rest(&draw->line, text);
}

static void put_amounts(struct draw *draw)
{
	const struct ct_profile *profile = draw->view.profile;
	const struct ct_counters *totals = &profile->totals;
	char text[CT_NUMBER_ROOM * 2], number[CT_NUMBER_ROOM];
	bool peak = ct_metric_exists(profile, CT_METRIC_PEAK_BYTES),
	     end = ct_metric_exists(profile, CT_METRIC_END_BYTES);
	bool total = ct_metric_exists(profile, CT_METRIC_TOTAL_BYTES);
	if (end) {
		put_label(draw, profile->recent_us ? "now" : "at end");
		ct_line_style(&draw->line, CT_STYLE_STRONG);
		add_amount(draw, "", CT_METRIC_END_BYTES);
		ct_line_style(&draw->line, CT_STYLE_PLAIN);
	}
	if (peak) {
		snprintf(text, sizeof(text), "%speak %s", end ? ", " : "", bytes_of(draw, totals->peak_bytes, number));
		ct_line_add_rest(&draw->line, text);
	}
	if (total) {
		ct_line_add_rest(&draw->line, peak || end ? ", " : "");
		add_amount(draw, draw->view.whole ? "selected " : "total ", CT_METRIC_TOTAL_BYTES);
	}
	if (draw->view.whole && total) {
		ct_number_percent(number, (double)totals->total_bytes, (double)draw->view.whole->total_bytes);
		snprintf(text, sizeof(text), ", %s %% of total", number);
		ct_line_add_rest(&draw->line, text);
	}
	ct_line_end(&draw->line);
}

static void put_rates(struct draw *draw)
{
	const struct ct_counters *totals = &draw->view.profile->totals;
	double seconds = (double)draw->view.profile->recent_us / 1e6;
	uint64_t grown = (uint64_t)(totals->grown_bytes < 0 ? -totals->grown_bytes : totals->grown_bytes);
	char text[CT_NUMBER_ROOM * 4], number[CT_NUMBER_ROOM], other[CT_NUMBER_ROOM];
	put_label(draw, "rate");
	snprintf(text, sizeof(text), "%s/s, %s blocks/s",
		 ct_number_bytes(number, ct_whole((double)totals->recent_bytes / seconds)),
		 ct_number_short(other, (double)ct_whole((double)totals->recent_blocks / seconds)));
	ct_line_add_rest(&draw->line, text);
	snprintf(text, sizeof(text), "; live %c%s since the baseline, %s ago", totals->grown_bytes < 0 ? '-' : '+',
		 bytes_of(draw, grown, number), ct_number_time(other, (double)draw->screen->baseline_us, "µs"));
	ct_line_add_rest(&draw->line, text);
	ct_line_end(&draw->line);
}

/* Write "Sites  Functions  ...", with the current one highlighted, and what is filtered out. */
static void put_kinds(struct draw *draw)
{
	static const char *const names[CT_ROWS_KINDS] = {"Sites",   "Functions", "Tree", "Callers",
							 "Modules", "Threads",   "Tags", "Leaks"};
	const struct ct_screen *screen = draw->screen;
	char text[CT_MATCH_ROOM + CT_NUMBER_ROOM * 2], shown[CT_NUMBER_ROOM], all[CT_NUMBER_ROOM];
	for (int i = 0; i < CT_ROWS_KINDS; i++) {
		bool current = screen->rows.kind == (enum ct_rows_kind)i;

		if (!current && !ct_screen_has_kind(screen, (enum ct_rows_kind)i))
			continue;
		snprintf(text, sizeof(text), current ? "[%s]" : " %s ", names[i]);
		put_styled(draw, current ? CT_STYLE_STRONG : CT_STYLE_QUIET, text);
		ct_line_add(&draw->line, " ");
	}
	if (screen->left_out) {
		snprintf(text, sizeof(text), " filter %s: %s of %s", screen->filter.text,
			 ct_number_exact(shown, screen->shown_sites),
			 ct_number_count(all, draw->view.profile->site_count, "sites"));
		put_styled(draw, CT_STYLE_LOSS, text);
	} else {
		snprintf(text, sizeof(text), " %s", ct_number_count(all, draw->view.profile->site_count, "sites"));
		put_styled(draw, CT_STYLE_QUIET, text);
	}
	ct_line_end(&draw->line);
}

static void put_header(struct draw *draw)
{
	ct_summary_losses(draw->view.profile, &draw->line);
	ct_summary_program(draw->view.profile, &draw->line);
	if (draw->screen->state[0]) {
		ct_line_add(&draw->line, " · ");
		put_styled(draw, CT_STYLE_LOSS, draw->screen->state);
	}
	ct_line_end(&draw->line);
	put_amounts(draw);
	if (draw->view.profile->recent_us)
		put_rates(draw);
	ct_summary_memory(draw->view.profile, &draw->line);
	ct_summary_timeline(&draw->view, &draw->line);
	if (draw->screen->rows.kind == CT_ROWS_LEAKS)
		ct_draw_leaks_header(draw->screen, &draw->view, &draw->line);
	put_kinds(draw);
}

static unsigned wanted_columns(const struct draw *draw)
{
	unsigned all = (1u << CT_COLUMN_COUNT) - 1, sort = 1u << draw->view.sort;
	int columns = draw->screen->terminal.columns;
	const struct ct_profile *profile = draw->view.profile;
	bool memory = profile->has_memory && (profile->recent_us || columns >= WIDER || sort & CT_COLUMNS_MEMORY);
	if (profile->recent_us && columns < WIDER) {
		all = sort | 1u << CT_COLUMN_END | 1u << CT_COLUMN_GROWN | 1u << CT_COLUMN_RATE;
		if (columns >= WIDE)
			all |= 1u << CT_COLUMN_TOTAL | 1u << CT_COLUMN_BLOCK_RATE;
	}
	if (memory && columns < WIDER)
		all = sort | 1u << CT_COLUMN_END | 1u << CT_COLUMN_GROWN | CT_COLUMNS_MEMORY;
	if (!memory)
		all &= ~CT_COLUMNS_MEMORY;
	if (!profile->totals.swapped_bytes)
		all &= ~(1u << CT_COLUMN_SWAPPED);
	if (draw->screen->rows.kind != CT_ROWS_SITES)
		all &= ~(1u << CT_COLUMN_MAX | 1u << CT_COLUMN_AVERAGE | 1u << CT_COLUMN_THREADS);
	if (draw->screen->origins.split_threads)
		all &= ~(1u << CT_COLUMN_THREADS);
	if (draw->screen->rows.kind == CT_ROWS_CALLEES || draw->screen->rows.kind == CT_ROWS_CALLERS)
		all &= ~(1u << CT_COLUMN_LIFETIME);
	return all | sort;
}

static void put_heads(struct draw *draw)
{
	static const char *const heads[CT_ROWS_KINDS] = {"WHERE",
							 "FUNCTION, including callees",
							 "CALLS",
							 "CALLED BY",
							 "MODULE, including callees",
							 "THREAD",
							 "TAG",
							 "WHERE"};
	bool groups = ct_rows_by(draw->screen->rows.kind) != CT_BY_SITE;
	bool leaks = draw->screen->rows.kind == CT_ROWS_LEAKS;
	if (leaks)
		ct_draw_leaks_layout(draw->screen, &draw->view, &draw->layout);
	else
		ct_layout_choose(&draw->view, wanted_columns(draw), groups ? SELF_WIDTH + GAP : 0, &draw->layout);
	if (groups) {
		put_styled(draw, CT_STYLE_HEAD, "SELF%");
		ct_line_add_blanks(&draw->line, GAP);
	}
	ct_layout_heads(&draw->view, &draw->layout, &draw->line);
	if (leaks)
		ct_draw_leaks_cell(draw->screen, NULL, &draw->line);
	put_styled(draw, CT_STYLE_HEAD, heads[draw->screen->rows.kind]);
	if (draw->screen->rows.reverse)
		put_styled(draw, CT_STYLE_QUIET, " (smallest first)");
	ct_line_end(&draw->line);
}

static const struct ct_frame *frame_of(const struct draw *draw, const struct ct_live_row *row, uint32_t number)
{
	const struct ct_profile *profile = draw->view.profile;
	return &profile->frames[ct_row_frame(&draw->screen->rows, profile, row, number)];
}

/* The number of successive frames of one function, counted from `number` in this direction. */
static uint32_t run_at(const struct draw *draw, const struct ct_live_row *row, uint32_t number, bool down)
{
	uint32_t count = ct_row_frame_count(&draw->screen->rows, row), run = 1;
	uint32_t key = ct_name_key(frame_of(draw, row, number));
	while (down ? run <= number : number + run < count) {
		if (ct_name_key(frame_of(draw, row, down ? number - run : number + run)) != key)
			break;
		run++;
	}
	return run;
}

static char *name_run(const struct draw *draw, const struct ct_live_row *row, uint32_t number, uint32_t run, char *out)
{
	ct_name_short(draw->view.profile, frame_of(draw, row, number), out);
	if (run > 1)
		sprintf(out + strlen(out), " ×%u", run);
	return out;
}

/* The outermost frame, by number, from which the chain down to the row's own function fits. */
static uint32_t first_shown(const struct draw *draw, const struct ct_live_row *row, int room)
{
	uint32_t count = ct_row_frame_count(&draw->screen->rows, row), shown = 0;
	char name[CT_NAME_ROOM + 16];
	for (uint32_t at = 0, run; at < count; at += run) {
		run = run_at(draw, row, at, false);
		room -= ct_line_width(&draw->screen->terminal, name_run(draw, row, at, run, name)) + 3;
		if (at && room < 0)
			break;
		shown = at + run - 1;
	}
	return shown;
}

/* Add the calls that the row stands for, "main > run > parse"; if they do not all fit, their end. */
static void add_calls(struct draw *draw, const struct ct_live_row *row)
{
	uint32_t from = first_shown(draw, row, ct_line_left(&draw->line) - 4);
	char name[CT_NAME_ROOM + 16];
	if (from + 1 < ct_row_frame_count(&draw->screen->rows, row))
		put_styled(draw, CT_STYLE_QUIET, "… > ");
	for (uint32_t left = from + 1, run; left > 0; left -= run) {
		run = run_at(draw, row, left - 1, true);
		put_styled(draw, left == run ? CT_STYLE_STRONG : CT_STYLE_PLAIN,
			   name_run(draw, row, left - 1, run, name));
		if (left > run)
			put_styled(draw, CT_STYLE_QUIET, " > ");
	}
}

/* Add "parse < run < main", up to the end of the line. */
static void add_callers(struct draw *draw, const struct ct_live_row *row)
{
	uint32_t count = ct_row_frame_count(&draw->screen->rows, row);
	char name[CT_NAME_ROOM + 16];
	for (uint32_t at = 0, run; at < count && ct_line_left(&draw->line) > 4; at += run) {
		run = run_at(draw, row, at, false);
		if (at)
			put_styled(draw, CT_STYLE_QUIET, " < ");
		put_styled(draw, at ? CT_STYLE_QUIET : CT_STYLE_STRONG, name_run(draw, row, at, run, name));
	}
}

static void add_branch(struct draw *draw, const struct ct_live_row *row)
{
	bool callers = draw->screen->rows.kind == CT_ROWS_CALLERS;
	int room = ct_line_left(&draw->line) / 2, indent = row->level * INDENT;
	char place[CT_NAME_ROOM] = "";
	ct_line_add_blanks(&draw->line, indent < room ? indent : room);
	put_styled(draw, CT_STYLE_BAR, row->is_open ? "- " : row->can_open ? "+ " : "  ");
	if (row->ends) {
		put_styled(draw, CT_STYLE_QUIET, callers ? "(no caller)" : "(itself)");
		return;
	}
	if (callers)
		add_callers(draw, row);
	else
		add_calls(draw, row);
	if (!row->can_open && !callers && ct_line_left(&draw->line) > 4) {
		struct ct_frame frame = *frame_of(draw, row, 0);

		if (!row->one_line)
			frame.line = 0;
		ct_line_add(&draw->line, " ");
		put_styled(draw, CT_STYLE_QUIET, ct_name_place(draw->view.profile, &frame, place));
	}
}

static void put_row(struct draw *draw, const struct ct_live_row *row)
{
	const struct ct_profile *profile = draw->view.profile;
	enum ct_column share = ct_column_share(draw->view.sort);
	enum ct_group_by by = ct_rows_by(draw->screen->rows.kind);
	char text[CT_NUMBER_ROOM];
	if (by != CT_BY_SITE) {
		ct_number_percent(text, row->self, ct_view_whole(&draw->view, share));
		ct_line_add_right(&draw->line, text, SELF_WIDTH);
		ct_line_add_blanks(&draw->line, GAP);
	}
	ct_layout_numbers(&draw->view, &draw->layout, &row->counters, &draw->line);
	if (draw->screen->rows.kind == CT_ROWS_LEAKS)
		ct_draw_leaks_cell(draw->screen, row, &draw->line);
	if (ct_rows_are_sites(draw->screen->rows.kind))
		ct_line_add_site(&draw->line, profile, &profile->sites[row->site],
				 (struct ct_site_look){.origins = &draw->screen->origins,
						       .callers = true,
						       .many_calls = row->many_calls});
	else if (by != CT_BY_SITE)
		ct_line_add_group(&draw->line, profile, by, row->first_frame);
	else
		add_branch(draw, row);
	ct_line_end(&draw->line);
}

/* Why there are no rows. */
static const char *empty_reason(const struct ct_screen *screen)
{
	if (screen->left_out)
		return "no site matches; Esc shows all";
	return screen->rows.kind == CT_ROWS_LEAKS ? "no leak candidate"
	       : screen->profile->recent_us       ? "nothing yet"
						  : "no allocation was recorded; see ctrace doctor --run";
}

static void put_rows(struct draw *draw, size_t room)
{
	struct ct_screen *screen = draw->screen;
	size_t at;
	screen->page = room;
	if (screen->top > screen->selected)
		screen->top = screen->selected;
	if (screen->selected >= screen->top + room)
		screen->top = screen->selected - room + 1;
	/* leave no empty lines at the end while there are rows above */
	if (screen->top + room > screen->rows.count)
		screen->top = screen->rows.count > room ? screen->rows.count - room : 0;
	screen->selected_line = lines_used(draw) + (int)(screen->selected - screen->top);
	for (at = screen->top; at < screen->rows.count && at < screen->top + room; at++)
		put_row(draw, &screen->rows.rows[at]);
	if (screen->rows.count == 0) {
		put_styled(draw, CT_STYLE_QUIET, empty_reason(screen));
		ct_line_end(&draw->line);
		screen->selected_line = -1;
		at++;
	}
	for (; at < screen->top + room; at++)
		ct_line_end(&draw->line);
}

/* Are the histograms of the row shown above its stack? */
static bool has_spreads(const struct draw *draw, const struct ct_live_row *row, size_t room)
{
	return row && draw->screen->rows.kind == CT_ROWS_SITES && draw->view.profile->has_histograms &&
	       room >= SPREADS_ROOM;
}

static void put_spreads(struct draw *draw, const struct ct_live_row *row)
{
	const struct ct_screen *screen = draw->screen;
	const struct ct_profile *profile = draw->view.profile;
	for (int i = 0; i < CT_HISTOGRAM_KINDS; i++) {
		struct ct_spread spread =
			ct_row_spread(&screen->rows, profile, screen->left_out, row, (enum ct_histogram_kind)i);
		ct_line_add_blanks(&draw->line, 4);
		ct_line_add_spread(&draw->line, profile, (enum ct_histogram_kind)i, &spread);
		ct_line_end(&draw->line);
	}
}

/* Write the whole stack of the selected row; if the stack pane has the keys, from stack_top on. */
static void put_stack(struct draw *draw, size_t room)
{
	struct ct_screen *screen = draw->screen;
	const struct ct_profile *profile = draw->view.profile;
	const uint32_t *frames = NULL;
	size_t count = ct_screen_stack(screen, &frames), from = screen->stack_open ? screen->stack_top : 0;
	const struct ct_live_row *row =
		screen->selected < screen->rows.count ? &screen->rows.rows[screen->selected] : NULL;
	char text[CT_NUMBER_ROOM * 4], of[CT_NUMBER_ROOM * 2] = "", above[CT_NUMBER_ROOM] = "", number[CT_NUMBER_ROOM];
	size_t spreads = has_spreads(draw, row, room) ? CT_HISTOGRAM_KINDS : 0;
	room -= spreads;
	if (screen->stack_open)
		screen->page = room - 1;
	if (row && !screen->stack_open && ct_rows_are_sites(screen->rows.kind) && count >= room) {
		/* what does not fit is not the program's own code */
		uint32_t own = ct_origin_own(profile, &screen->origins, &profile->sites[row->site]);
		from = own > 1 ? own - 1 : 0;
	}
	if (from && !screen->stack_open)
		snprintf(above, sizeof(above), ", %zu above", from);
	if (row && row->site_count > 1)
		snprintf(of, sizeof(of), ", the largest of %s", ct_number_exact(number, row->site_count));
	snprintf(text, sizeof(text), "── stack%s, %zu frame%s%s%s ", of, count, count == 1 ? "" : "s", above,
		 screen->stack_open ? "; Esc closes" : "");
	ct_line_style(&draw->line, CT_STYLE_QUIET);
	ct_line_add_rest(&draw->line, text);
	while (ct_line_left(&draw->line) > 0)
		ct_line_add(&draw->line, "─");
	ct_line_style(&draw->line, CT_STYLE_PLAIN);
	ct_line_end(&draw->line);
	if (spreads)
		put_spreads(draw, row);
	for (size_t i = 0; i + 1 < room; i++) {
		if (from + i < count && i + 2 == room && from + i + 1 < count) {
			snprintf(text, sizeof(text), "    %zu more%s", count - from - i,
				 screen->stack_open ? "" : "; Enter shows the whole stack");
			put_styled(draw, CT_STYLE_QUIET, text);
		} else if (from + i < count) {
			ct_line_add_frame(&draw->line, profile, &profile->frames[frames[from + i]], from + i == 0,
					  !ct_origin_is_own(&screen->origins, frames[from + i]));
		}
		ct_line_end(&draw->line);
	}
}

static void put_bottom(struct draw *draw)
{
	const struct ct_screen *screen = draw->screen;
	char text[CT_MATCH_ROOM + 16];
	if (screen->prompt) {
		snprintf(text, sizeof(text), "%s %s_",
			 screen->prompt == CT_PROMPT_SEARCH ? "search:" : "filter:", screen->input);
		ct_line_add_rest(&draw->line, text);
	} else if (screen->message[0]) {
		put_styled(draw, CT_STYLE_LOSS, screen->message);
	} else {
		ct_draw_hints(screen, &draw->line);
	}
	ct_line_end(&draw->line);
}

static void put_lists(struct draw *draw)
{
	struct ct_screen *screen = draw->screen;
	int room, stack;
	put_header(draw);
	if (screen->rows.kind == CT_ROWS_LEAKS)
		draw->view.whole = &screen->leaking.leaks.sums;
	put_heads(draw);
	room = screen->height - lines_used(draw) - 1;
	if (room < 1)
		room = 1;
	stack = screen->stack_open ? room - 1 : room / 2 < STACK_MAX ? room / 2 : STACK_MAX;
	if (stack < 2 || !ct_rows_have_stacks(screen->rows.kind))
		stack = 0;
	put_rows(draw, (size_t)(room - stack));
	if (stack)
		put_stack(draw, (size_t)stack);
	put_bottom(draw);
}

char *ct_screen_text(struct ct_screen *screen)
{
	struct draw draw = {
		.screen = screen,
		.view = {.profile = screen->profile,
			 .terminal = &screen->terminal,
			 .sort = screen->rows.sort,
			 .whole = screen->whole,
			 .exact = screen->exact},
	};
	draw.view.out = open_memstream(&draw.text, &draw.length);
	if (!draw.view.out)
		return NULL;
	screen->selected_line = -1;
	ct_line_init(&draw.line, &screen->terminal, draw.view.out);
	if (screen->help)
		ct_draw_help(&draw.line);
	else
		put_lists(&draw);
	if (fclose(draw.view.out) || draw.line.failed) {
		free(draw.text);
		draw.text = NULL;
	}
	ct_line_fini(&draw.line);
	return draw.text;
}
