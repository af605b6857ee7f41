/* SPDX-License-Identifier: MIT */
/*
 * Functions with their callers above (<) and callees below (>), and what was allocated through each call in the old
 * and in the new recording. Functions are those of the diff's chains, so they are the same in both builds. A row of the
 * diff counts once per call, however often the call occurs in its chain.
 */
#include "view/diff.h"

#include <stdlib.h>
#include <string.h>

#include "names/names.h"
#include "names/number.h"
#include "util/array.h"
#include "view/change.h"

#define GAP 2
#define WIDTH_MIN 8
#define PERCENT_WIDTH 6
#define SELF UINT32_MAX /* in place of a callee: what the function allocates itself */

enum kind { FUNCTION, CALLER, CALLEE };

/* What a row of the diff says of a wanted function: its own numbers, or those of a call. */
struct fact {
	uint32_t function;
	uint32_t kind; /* enum kind */
	uint32_t other; /* the caller or callee */
	uint32_t row;
};

/* The facts of one kind about one pair, added up. */
struct sum {
	uint32_t function;
	uint32_t kind;
	uint32_t other;
	uint64_t values[CT_DIFF_SIDES];
	int64_t function_change; /* of the function that it is about */
};

struct peek {
	const struct ct_diff_view *view;
	struct ct_line line;
	bool *wanted; /* by frame id of the chains */
	struct fact *facts;
	size_t fact_count, fact_room;
	struct sum *sums;
	size_t sum_count, sum_room;
	int width;
};

static const struct ct_profile *chains_of(const struct peek *peek)
{
	return peek->view->diff->chains.profile;
}

static const char *name_of(const struct peek *peek, uint32_t function, char out[CT_NAME_ROOM])
{
	const struct ct_profile *profile = chains_of(peek);
	if (function == SELF)
		return "(itself)";
	struct ct_frame frame = {.function = profile->frames[function].text};
	return ct_name_short(profile, &frame, out);
}

static size_t find_wanted(struct peek *peek, const struct ct_patterns *patterns)
{
	char name[CT_NAME_ROOM];
	size_t found = 0;
	for (uint32_t i = 1; i < chains_of(peek)->frame_count; i++) {
		peek->wanted[i] = ct_patterns_match(patterns, name_of(peek, i, name));
		found += peek->wanted[i];
	}
	return found;
}

static bool add_fact(struct peek *peek, uint32_t function, enum kind kind, uint32_t other, size_t row)
{
	if (!peek->wanted[function])
		return true;
	if (!ct_array_room(&peek->facts, &peek->fact_room, peek->fact_count + 1, sizeof(*peek->facts)))
		return false;
	peek->facts[peek->fact_count++] = (struct fact){function, kind, other, (uint32_t)row};
	return true;
}

/* Calls of a function by itself are left out. */
static bool find_facts(struct peek *peek)
{
	const struct ct_diff *diff = peek->view->diff;
	const struct ct_profile *profile = chains_of(peek);
	bool memory = true;
	for (size_t i = 0; i < diff->row_count && memory; i++) {
		const struct ct_site_row *chain = &profile->sites[diff->rows[i].chain];
		const uint32_t *ids = profile->frame_ids + chain->first_frame;
		if (chain->frame_count)
			memory = add_fact(peek, ids[0], CALLEE, SELF, i);
		for (uint32_t j = 0; j < chain->frame_count && memory; j++) {
			memory = add_fact(peek, ids[j], FUNCTION, 0, i);
			if (memory && j && ids[j] != ids[j - 1])
				memory = add_fact(peek, ids[j], CALLEE, ids[j - 1], i) &&
					 add_fact(peek, ids[j - 1], CALLER, ids[j], i);
		}
	}
	return memory;
}

static int compare_facts(const void *left, const void *right)
{
	const struct fact *a = left, *b = right;
	if (a->function != b->function)
		return a->function < b->function ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->other != b->other)
		return a->other < b->other ? -1 : 1;
	return a->row < b->row ? -1 : a->row > b->row;
}

static int64_t change_of(const struct sum *sum)
{
	return (int64_t)(sum->values[CT_DIFF_NEW] - sum->values[CT_DIFF_OLD]);
}

/* Add the facts up; those of a function begin with its own numbers. */
static bool add_up(struct peek *peek)
{
	if (peek->fact_count)
		qsort(peek->facts, peek->fact_count, sizeof(*peek->facts), compare_facts);
	for (size_t i = 0; i < peek->fact_count; i++) {
		const struct fact *fact = &peek->facts[i], *last = i ? fact - 1 : NULL;
		if (last && !compare_facts(last, fact))
			continue;
		if (!last || last->function != fact->function || last->kind != fact->kind ||
		    last->other != fact->other) {
			if (!ct_array_room(&peek->sums, &peek->sum_room, peek->sum_count + 1, sizeof(*peek->sums)))
				return false;
			peek->sums[peek->sum_count++] =
				(struct sum){.function = fact->function, .kind = fact->kind, .other = fact->other};
		}
		struct sum *sum = &peek->sums[peek->sum_count - 1];
		for (int side = 0; side < CT_DIFF_SIDES; side++)
			sum->values[side] += peek->view->diff->rows[fact->row].values[side][peek->view->metric];
	}
	int64_t change = 0;
	for (size_t i = 0; i < peek->sum_count; i++) {
		if (peek->sums[i].kind == FUNCTION)
			change = change_of(&peek->sums[i]);
		peek->sums[i].function_change = change;
	}
	return true;
}

/* The largest change first. */
static int compare_changes(int64_t a, int64_t b)
{
	return llabs(a) != llabs(b) ? (llabs(a) > llabs(b) ? -1 : 1) : a != b ? (a > b ? -1 : 1) : 0;
}

/* Functions by their change; for each of them its callers, itself, its callees. */
static int compare_sums(const void *left, const void *right)
{
	static const int places[] = {[CALLER] = 0, [FUNCTION] = 1, [CALLEE] = 2};
	const struct sum *a = left, *b = right;
	if (a->function != b->function) {
		int order = compare_changes(a->function_change, b->function_change);
		return order ? order : a->function < b->function ? -1 : 1;
	}
	if (a->kind != b->kind)
		return places[a->kind] < places[b->kind] ? -1 : 1;
	int order = compare_changes(change_of(a), change_of(b));
	if (order)
		return order;
	if (a->values[CT_DIFF_NEW] != b->values[CT_DIFF_NEW])
		return a->values[CT_DIFF_NEW] > b->values[CT_DIFF_NEW] ? -1 : 1;
	return a->other < b->other ? -1 : 1;
}

static void measure(struct peek *peek)
{
	char text[CT_NUMBER_ROOM];
	peek->width = WIDTH_MIN;
	for (size_t i = 0; i < peek->sum_count; i++) {
		for (int side = 0; side < CT_DIFF_SIDES; side++) {
			uint64_t value = peek->sums[i].values[side];
			int width = ct_line_width(peek->view->terminal,
						  ct_change_amount(peek->view, value, peek->view->metric, text));
			peek->width = width > peek->width ? width : peek->width;
		}
	}
}

static void put_cell(struct peek *peek, const char *text, int width)
{
	ct_line_add_right(&peek->line, text, width);
	ct_line_add_blanks(&peek->line, GAP);
}

static void put_sum(struct peek *peek, const struct sum *sum)
{
	const struct ct_diff_view *view = peek->view;
	struct ct_line *line = &peek->line;
	char text[CT_NUMBER_ROOM], name[CT_NAME_ROOM];
	int64_t change = change_of(sum);
	double old = (double)sum->values[CT_DIFF_OLD];
	for (int side = 0; side < CT_DIFF_SIDES; side++)
		put_cell(peek, ct_change_amount(view, sum->values[side], view->metric, text), peek->width);
	ct_line_style(line, ct_change_style(change, old));
	put_cell(peek, ct_change_text(view, change, view->metric, text), peek->width + 1);
	ct_line_style(line, CT_STYLE_PLAIN);
	put_cell(peek, !old && change ? "new" : ct_change_percent(change, old, text), PERCENT_WIDTH);
	if (sum->kind == FUNCTION) {
		ct_line_style(line, CT_STYLE_STRONG);
		ct_line_add_rest(line, name_of(peek, sum->function, name));
	} else {
		ct_line_style(line, CT_STYLE_QUIET);
		ct_line_add(line, sum->kind == CALLER ? "  < " : "  > ");
		ct_line_style(line, CT_STYLE_PLAIN);
		ct_line_add_rest(line, name_of(peek, sum->other, name));
	}
	ct_line_style(line, CT_STYLE_PLAIN);
	ct_line_end(line);
}

static void put_heads(struct peek *peek)
{
	ct_line_style(&peek->line, CT_STYLE_HEAD);
	put_cell(peek, "OLD", peek->width);
	put_cell(peek, "NEW", peek->width);
	put_cell(peek, "CHANGE", peek->width + 1);
	put_cell(peek, "%", PERCENT_WIDTH);
	ct_line_add_rest(&peek->line, "FUNCTION, with callers (<) and callees (>), each with its own change");
	ct_line_style(&peek->line, CT_STYLE_PLAIN);
	ct_line_end(&peek->line);
}

static void put_peek(struct peek *peek)
{
	for (int side = 0; side < CT_DIFF_SIDES; side++)
		ct_change_put_side(peek->view, (enum ct_diff_side)side, &peek->line);
	ct_line_end(&peek->line);
	measure(peek);
	put_heads(peek);
	for (size_t i = 0; i < peek->sum_count; i++) {
		if (i && peek->sums[i].function != peek->sums[i - 1].function)
			ct_line_end(&peek->line);
		put_sum(peek, &peek->sums[i]);
	}
}

int ct_view_diff_peek(const struct ct_diff_view *view, const struct ct_patterns *patterns, struct ct_error_text *error)
{
	struct peek peek = {.view = view};
	peek.wanted = calloc(view->diff->chains.profile->frame_count + 1, sizeof(*peek.wanted));
	if (!peek.wanted)
		return ct_error_no_memory(error);
	int code = find_wanted(&peek, patterns) ? CT_OK : CT_ERR_USAGE;
	if (code)
		ct_error_set(error, code, "--peek matches no function that allocates in either recording");
	if (!code && (!find_facts(&peek) || !add_up(&peek)))
		code = ct_error_no_memory(error);
	if (!code) {
		if (peek.sum_count)
			qsort(peek.sums, peek.sum_count, sizeof(*peek.sums), compare_sums);
		ct_line_init(&peek.line, view->terminal, view->out);
		put_peek(&peek);
		if (peek.line.failed)
			code = ct_error_no_memory(error);
		ct_line_fini(&peek.line);
	}
	free(peek.wanted);
	free(peek.facts);
	free(peek.sums);
	return code;
}
