/* SPDX-License-Identifier: MIT */
/*
 * Functions with their callers above (<) and callees below (>), and what was allocated through each call. A site
 * counts once per call, however often the call occurs in its stack. Calls of a function by itself are left out.
 */
#include "view/view.h"

#include <stdlib.h>

#include "names/names.h"
#include "names/number.h"
#include "util/array.h"
#include "view/order.h"

#define PERCENT_WIDTH 5
#define NUMBER_MIN 8
#define SLOTS_MIN 64

/* A call of or by a function that the user asked for, in the stacks of all sites. */
struct call {
	uint32_t group; /* the function */
	uint32_t callee; /* 1: it calls the other function, 0: the other function calls it */
	uint32_t other;
	uint32_t site; /* the latest one that was counted, from 1 */
	struct ct_counters counters;
};

struct peek {
	const struct ct_view *view;
	struct ct_groups groups;
	struct ct_line line;
	bool *wanted; /* by group */
	struct call *calls;
	size_t call_count, call_room;
	uint32_t *slots; /* a hash table: index in calls + 1 */
	size_t slot_count; /* a power of two */
	enum ct_column share;
	int width;
};

/* The slot of a call, or the free one where it belongs. */
static uint32_t *find_slot(const struct peek *peek, uint32_t group, uint32_t callee, uint32_t other)
{
	uint64_t hash = ((uint64_t)group << 32 ^ (uint64_t)other << 1 ^ callee) * UINT64_C(0x9e3779b97f4a7c15);
	for (size_t at = (size_t)(hash >> 32);; at++) {
		uint32_t *slot = &peek->slots[at & (peek->slot_count - 1)];
		if (!*slot)
			return slot;
		const struct call *call = &peek->calls[*slot - 1];
		if (call->group == group && call->callee == callee && call->other == other)
			return slot;
	}
}

/* Keep the table half empty. */
static bool grow_slots(struct peek *peek)
{
	if (peek->call_count * 2 < peek->slot_count)
		return true;
	free(peek->slots);
	peek->slot_count = peek->slot_count ? peek->slot_count * 2 : SLOTS_MIN;
	peek->slots = calloc(peek->slot_count, sizeof(*peek->slots));
	for (size_t i = 0; i < peek->call_count && peek->slots; i++) {
		const struct call *call = &peek->calls[i];
		*find_slot(peek, call->group, call->callee, call->other) = (uint32_t)i + 1;
	}
	return peek->slots;
}

static bool add_call(struct peek *peek, uint32_t group, uint32_t callee, uint32_t other, uint32_t site)
{
	if (!peek->wanted[group])
		return true;
	if (!grow_slots(peek))
		return false;
	uint32_t *slot = find_slot(peek, group, callee, other);
	if (!*slot) {
		if (!ct_array_room(&peek->calls, &peek->call_room, peek->call_count + 1, sizeof(*peek->calls)))
			return false;
		peek->calls[peek->call_count] = (struct call){.group = group, .callee = callee, .other = other};
		*slot = (uint32_t)++peek->call_count;
	}
	struct call *call = &peek->calls[*slot - 1];
	if (call->site != site + 1)
		ct_counters_add(&call->counters, &peek->view->profile->sites[site].counters);
	call->site = site + 1;
	return true;
}

static bool find_calls(struct peek *peek)
{
	const struct ct_profile *profile = peek->view->profile;
	for (size_t i = 0; i < profile->site_count; i++) {
		const struct ct_site_row *site = &profile->sites[i];
		const uint32_t *ids = profile->frame_ids + site->first_frame;

		for (uint32_t j = 1; j < site->frame_count; j++) {
			uint32_t callee = peek->groups.of_frame[ids[j - 1]], caller = peek->groups.of_frame[ids[j]];

			if (caller == callee)
				continue;
			if (!add_call(peek, caller, 1, callee, (uint32_t)i) ||
			    !add_call(peek, callee, 0, caller, (uint32_t)i))
				return false;
		}
	}
	return true;
}

/* Sort by function, callers before callees, the largest first. */
static int compare_calls(const void *a, const void *b, void *context)
{
	const struct call *first = a, *second = b;
	enum ct_column share = *(const enum ct_column *)context;
	double x = ct_column_value(&first->counters, share), y = ct_column_value(&second->counters, share);
	if (first->group != second->group)
		return first->group < second->group ? -1 : 1;
	if (first->callee != second->callee)
		return first->callee < second->callee ? -1 : 1;
	if (x != y)
		return x < y ? 1 : -1;
	return first->other < second->other ? -1 : 1;
}

/* The index of the function's first call in the sorted calls. */
static size_t first_call(const struct peek *peek, uint32_t group)
{
	size_t low = 0, high = peek->call_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (peek->calls[middle].group < group)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void add_number(struct peek *peek, const struct ct_counters *counters, double whole)
{
	char text[CT_NUMBER_ROOM];
	ct_line_add_right(&peek->line, ct_column_format(peek->view, peek->share, counters, text), peek->width);
	ct_line_add_blanks(&peek->line, 2);
	ct_number_percent(text, ct_column_value(counters, peek->share), whole);
	ct_line_add_right(&peek->line, text, PERCENT_WIDTH);
	ct_line_add_blanks(&peek->line, 2);
}

static void put_calls(struct peek *peek, const struct ct_group *group, uint32_t callee)
{
	uint32_t number = (uint32_t)(group - peek->groups.rows);
	const struct ct_profile *profile = peek->view->profile;
	double whole = ct_column_value(&group->cumulative, peek->share);
	char name[CT_NAME_ROOM];
	for (size_t i = first_call(peek, number); i < peek->call_count && peek->calls[i].group == number; i++) {
		const struct call *call = &peek->calls[i];

		if (call->callee != callee)
			continue;
		ct_line_add_blanks(&peek->line, peek->width + PERCENT_WIDTH + 4);
		add_number(peek, &call->counters, whole);
		ct_line_style(&peek->line, CT_STYLE_QUIET);
		ct_line_add(&peek->line, callee ? "  > " : "  < ");
		ct_line_style(&peek->line, CT_STYLE_PLAIN);
		ct_name_short(profile, &profile->frames[peek->groups.rows[call->other].example], name);
		ct_line_add_rest(&peek->line, name);
		ct_line_end(&peek->line);
	}
}

static void put_function(struct peek *peek, const struct ct_group *group)
{
	const struct ct_profile *profile = peek->view->profile;
	struct ct_frame frame = profile->frames[group->example];
	double whole = ct_view_whole(peek->view, peek->share);
	char text[CT_NAME_ROOM];
	put_calls(peek, group, 0);
	add_number(peek, &group->self, whole);
	add_number(peek, &group->cumulative, whole);
	ct_line_style(&peek->line, CT_STYLE_STRONG);
	ct_line_add_rest(&peek->line, ct_name_short(profile, &frame, text));
	ct_line_style(&peek->line, CT_STYLE_QUIET);
	ct_line_add(&peek->line, " ");
	frame.line = 0; /* it is the line of one call only */
	ct_line_add_rest(&peek->line, ct_name_place(profile, &frame, text));
	ct_line_style(&peek->line, CT_STYLE_PLAIN);
	ct_line_end(&peek->line);
	put_calls(peek, group, 1);
	ct_line_end(&peek->line);
}

static void put_heads(struct peek *peek)
{
	const char *const heads[] = {"SELF", "%", "CUM", "%"};
	ct_line_style(&peek->line, CT_STYLE_HEAD);
	for (int i = 0; i < 4; i++) {
		ct_line_add_right(&peek->line, heads[i], i % 2 ? PERCENT_WIDTH : peek->width);
		ct_line_add_blanks(&peek->line, 2);
	}
	ct_line_add(&peek->line, "FUNCTION, with callers (<) and callees (>) and their part of its CUM");
	ct_line_style(&peek->line, CT_STYLE_PLAIN);
	ct_line_end(&peek->line);
}

static size_t find_wanted(struct peek *peek)
{
	const struct ct_profile *profile = peek->view->profile;
	char name[CT_NAME_ROOM];
	size_t found = 0;
	for (size_t i = 0; i < peek->groups.count; i++) {
		const struct ct_group *group = &peek->groups.rows[i];

		ct_name_short(profile, &profile->frames[group->example], name);
		peek->wanted[i] = group->seen && ct_patterns_match(peek->view->patterns, name);
		found += peek->wanted[i];
	}
	return found;
}

static int show(struct peek *peek, struct ct_error_text *error)
{
	struct ct_view by_cumulative = *peek->view;
	const struct ct_group **order;
	char text[CT_NUMBER_ROOM];
	size_t count;
	peek->wanted = calloc(peek->groups.count + 1, sizeof(*peek->wanted));
	if (!peek->wanted)
		return ct_error_no_memory(error);
	ct_groups_count(&peek->groups, peek->view->profile, CT_BY_FUNCTION, NULL, true);
	if (!find_wanted(peek))
		return ct_error_set(error, CT_ERR_USAGE, "--peek matches no function that allocates");
	by_cumulative.cumulative = true;
	order = ct_order_groups(&by_cumulative, &peek->groups, &count);
	if (!order || !find_calls(peek)) {
		free(order);
		return ct_error_no_memory(error);
	}
	if (peek->call_count)
		qsort_r(peek->calls, peek->call_count, sizeof(*peek->calls), compare_calls, &peek->share);
	ct_column_format(peek->view, peek->share, &peek->view->profile->totals, text);
	peek->width = ct_line_width(peek->view->terminal, text);
	peek->width = peek->width > NUMBER_MIN ? peek->width : NUMBER_MIN;
	put_heads(peek);
	for (size_t i = 0; i < count; i++)
		if (peek->wanted[order[i] - peek->groups.rows])
			put_function(peek, order[i]);
	free(order);
	return ct_view_check(&peek->line, error);
}

int ct_view_peek(const struct ct_view *view, struct ct_error_text *error)
{
	struct peek peek = {.view = view, .share = ct_column_share(view->sort)};
	int code = ct_groups_init(&peek.groups, view->profile, CT_BY_FUNCTION, error);
	ct_line_init(&peek.line, view->terminal, view->out);
	if (code == 0)
		code = show(&peek, error);
	ct_line_fini(&peek.line);
	free(peek.wanted);
	free(peek.calls);
	free(peek.slots);
	ct_groups_fini(&peek.groups);
	return code;
}
