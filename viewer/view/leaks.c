/* SPDX-License-Identifier: MIT */
/* The lines above the table of leak candidates: sums by class, and what was suppressed. */
#include "view/view.h"

#include <string.h>

#include "names/number.h"

#define LABEL_WIDTH 17

static void put_amount(const struct ct_view *view, struct ct_line *line, const char *label, uint64_t bytes,
		       uint64_t blocks)
{
	char number[CT_NUMBER_ROOM];
	ct_line_style(line, CT_STYLE_QUIET);
	ct_line_add(line, label);
	ct_line_add_blanks(line, LABEL_WIDTH - line->columns);
	ct_line_style(line, CT_STYLE_PLAIN);
	if (view->exact)
		ct_line_format(line, "%s bytes", ct_number_exact(number, bytes));
	else
		ct_line_add(line, ct_number_bytes(number, bytes));
	ct_line_format(line, " in %s block%s", ct_number_exact(number, blocks), blocks == 1 ? "" : "s");
}

static void put_classes(const struct ct_view *view, struct ct_line *line)
{
	const struct ct_counters *sums = &view->leaks->sums;
	const struct {
		const char *label;
		uint64_t bytes, blocks;
	} classes[] = {
		{"definitely lost", sums->lost_bytes, sums->lost_blocks},
		{"indirectly lost", sums->indirect_bytes, sums->indirect_blocks},
		{"possibly lost", sums->possible_bytes, sums->possible_blocks},
		{"still reachable", sums->reachable_bytes, sums->reachable_blocks},
	};
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		put_amount(view, line, classes[i].label, classes[i].bytes, classes[i].blocks);
		ct_line_end(line);
	}
}

static void put_rules(const struct ct_view *view, struct ct_line *line)
{
	const struct ct_leaks *leaks = view->leaks;
	put_amount(view, line, "suppressed", leaks->suppressed.end_bytes, leaks->suppressed.end_blocks);
	ct_line_end(line);
	for (size_t i = 0; i < leaks->rule_count; i++) {
		const struct ct_suppression *rule = &leaks->rules[i];

		if (rule->blocks)
			put_amount(view, line, "", rule->bytes, rule->blocks);
		else
			ct_line_add(line, "  matches nothing");
		ct_line_format(line, "  leak:%s", rule->pattern);
		ct_line_end(line);
	}
}

int ct_leak_columns(const struct ct_profile *profile, enum ct_column columns[CT_COLUMN_COUNT])
{
	static const enum ct_column live[] = {CT_COLUMN_END, CT_COLUMN_END_BLOCKS};
	static const enum ct_column classes[] = {CT_COLUMN_LOST, CT_COLUMN_LOST_BLOCKS, CT_COLUMN_INDIRECT,
						 CT_COLUMN_POSSIBLE, CT_COLUMN_REACHABLE};
	size_t bytes = profile->has_reach ? sizeof(classes) : sizeof(live);
	memcpy(columns, profile->has_reach ? classes : live, bytes);
	return (int)(bytes / sizeof(*columns));
}

int ct_view_leaks(const struct ct_view *view, struct ct_error_text *error)
{
	struct ct_line line;
	ct_line_init(&line, view->terminal, view->out);
	if (view->profile->has_reach)
		put_classes(view, &line);
	else
		ct_line_add(
			&line,
			"leak candidates: live at the end. Recorded with --reach (CTRACE_REACH=1), lost blocks are separated from "
			"reachable ones");
	if (!view->profile->has_reach)
		ct_line_end(&line);
	if (view->leaks->rule_count)
		put_rules(view, &line);
	for (const char *text = view->stays; text && *text; text += strcspn(text, "\n") + 1) {
		ct_line_format(&line, "%.*s", (int)strcspn(text, "\n"), text);
		ct_line_end(&line);
	}
	ct_line_end(&line);
	ct_line_fini(&line);
	return ct_view_check(&line, error);
}
