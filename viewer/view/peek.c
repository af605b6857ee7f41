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

/* A call in the stack of a site. */
struct call {
	uint32_t group; /* a function that the user asked for */
	uint32_t callee; /* 1: it calls the other function, 0: the other function calls it */
	uint32_t other;
	uint32_t site;
};

struct peer {
	uint32_t other;
	uint32_t callee;
	struct ct_counters counters;
};

struct peek {
	const struct ct_view *view;
	struct ct_groups groups;
	struct ct_line line;
	bool *wanted; /* by group */
	struct call *calls;
	size_t call_count, call_room;
	struct peer *peers; /* of the current function */
	size_t peer_count, peer_room;
	enum ct_column share;
	int width;
};

static bool add_call(struct peek *peek, uint32_t group, uint32_t callee, uint32_t other, uint32_t site)
{
	if (!peek->wanted[group])
		return true;
	if (!ct_array_room(&peek->calls, &peek->call_room, peek->call_count + 1, sizeof(*peek->calls)))
		return false;
	peek->calls[peek->call_count++] = (struct call){group, callee, other, site};
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

static int compare_calls(const void *a, const void *b)
{
	const struct call *x = a, *y = b;
	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->callee != y->callee)
		return x->callee < y->callee ? -1 : 1;
	if (x->other != y->other)
		return x->other < y->other ? -1 : 1;
	return x->site < y->site ? -1 : x->site > y->site;
}

/* Sort callers before callees, the largest first. */
static int compare_peers(const void *a, const void *b, void *context)
{
	const struct peer *first = a, *second = b;
	enum ct_column share = *(const enum ct_column *)context;
	double x = ct_column_value(&first->counters, share), y = ct_column_value(&second->counters, share);
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

/* Sum up the calls of one function. */
static bool find_peers(struct peek *peek, uint32_t group)
{
	const struct call *last = NULL;
	peek->peer_count = 0;
	for (size_t i = first_call(peek, group); i < peek->call_count && peek->calls[i].group == group; i++) {
		const struct call *call = &peek->calls[i];

		if (last && compare_calls(last, call) == 0)
			continue;
		if (!last || last->callee != call->callee || last->other != call->other) {
			if (!ct_array_room(&peek->peers, &peek->peer_room, peek->peer_count + 1, sizeof(*peek->peers)))
				return false;
			peek->peers[peek->peer_count++] = (struct peer){.other = call->other, .callee = call->callee};
		}
		ct_counters_add(&peek->peers[peek->peer_count - 1].counters,
				&peek->view->profile->sites[call->site].counters);
		last = call;
	}
	if (peek->peer_count)
		qsort_r(peek->peers, peek->peer_count, sizeof(*peek->peers), compare_peers, &peek->share);
	return true;
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

static void put_peers(struct peek *peek, const struct ct_group *group, uint32_t callee)
{
	const struct ct_profile *profile = peek->view->profile;
	double whole = ct_column_value(&group->cumulative, peek->share);
	char name[CT_NAME_ROOM];
	for (size_t i = 0; i < peek->peer_count; i++) {
		const struct peer *peer = &peek->peers[i];

		if (peer->callee != callee)
			continue;
		ct_line_add_blanks(&peek->line, peek->width + PERCENT_WIDTH + 4);
		add_number(peek, &peer->counters, whole);
		ct_line_style(&peek->line, CT_STYLE_QUIET);
		ct_line_add(&peek->line, callee ? "  > " : "  < ");
		ct_line_style(&peek->line, CT_STYLE_PLAIN);
		ct_name_short(profile, &profile->frames[peek->groups.rows[peer->other].example], name);
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
	if (!find_peers(peek, (uint32_t)(group - peek->groups.rows))) {
		peek->line.failed = true;
		return;
	}
	put_peers(peek, group, 0);
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
	put_peers(peek, group, 1);
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
		qsort(peek->calls, peek->call_count, sizeof(*peek->calls), compare_calls);
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
	free(peek.peers);
	ct_groups_fini(&peek.groups);
	return code;
}
