/* SPDX-License-Identifier: MIT */
#include "write/calls.h"

#include <stdlib.h>
#include <string.h>

#include "util/array.h"

static uint64_t hash(const struct ct_call *call)
{
	const uint32_t words[] = {call->caller, call->callee, call->file, call->line};
	uint64_t value = 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		value = (value ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return value ^ value >> 32;
}

static bool is_same(const struct ct_call *a, const struct ct_call *b)
{
	return a->caller == b->caller && a->callee == b->callee && a->file == b->file && a->line == b->line;
}

/* The slot that holds this call, or the empty one for it. */
static uint32_t *find_slot(const struct ct_calls *calls, const struct ct_call *call)
{
	size_t mask = calls->slot_count - 1, at = hash(call) & mask;
	while (calls->slots[at] && !is_same(&calls->rows[calls->slots[at] - 1], call))
		at = (at + 1) & mask;
	return &calls->slots[at];
}

/* At most half of the slots are used. */
static int make_slots(struct ct_calls *calls)
{
	if (calls->count * 2 < calls->slot_count)
		return 0;
	size_t larger = calls->slot_count ? calls->slot_count * 2 : 1024;
	free(calls->slots);
	calls->slots = calloc(larger, sizeof(*calls->slots));
	calls->slot_count = calls->slots ? larger : 0;
	for (size_t i = 0; i < calls->count && calls->slots; i++)
		*find_slot(calls, &calls->rows[i]) = (uint32_t)i + 1;
	return calls->slots ? 0 : -1;
}

static int add(struct ct_calls *calls, struct ct_call call, const struct ct_site_row *site)
{
	size_t number = (size_t)(site - calls->profile->sites) + 1;
	if (make_slots(calls))
		return -1;
	uint32_t *slot = find_slot(calls, &call);
	if (!*slot) {
		if (!ct_array_room(&calls->rows, &calls->room, calls->count + 1, sizeof(call)))
			return -1;
		calls->rows[calls->count++] = call;
		*slot = (uint32_t)calls->count;
	}
	struct ct_call *row = &calls->rows[*slot - 1];
	if (row->latest == number)
		return 0;
	row->latest = number;
	row->skips = row->skips || call.skips;
	for (size_t i = 0; i < calls->metric_count; i++)
		if (__builtin_add_overflow(row->values[i], ct_metric_value(&site->counters, calls->metrics[i]),
					   &row->values[i]))
			row->values[i] = UINT64_MAX;
	return 0;
}

static bool is_empty(const struct ct_calls *calls, const struct ct_site_row *site)
{
	for (size_t i = 0; i < calls->metric_count; i++)
		if (ct_metric_value(&site->counters, calls->metrics[i]))
			return false;
	return true;
}

static int add_site(struct ct_calls *calls, const struct ct_site_row *site)
{
	const uint32_t *ids = calls->profile->frame_ids + site->first_frame;
	const struct ct_frame *from = NULL;
	struct ct_call call = {0};
	int code = 0;
	for (uint32_t i = site->frame_count; i-- && !code;) {
		const struct ct_frame *frame = &calls->profile->frames[ids[i]];
		call.callee = calls->labels[ids[i]];
		if (call.callee == CT_CALLS_LEFT_OUT) {
			call.skips = true;
			continue;
		}
		if (from && call.callee != call.caller) /* a function that calls itself is one function */
			code = add(calls, call, site);
		from = frame;
		call = (struct ct_call){.caller = call.callee};
		if (calls->lines) {
			call.file = frame->file;
			call.line = frame->line;
		}
	}
	call.callee = CT_CALLS_SELF;
	/* Without its leaf a stack has nothing of its own. */
	return from && !call.skips && !code ? add(calls, call, site) : code;
}

static int compare_calls(const void *left, const void *right)
{
	const struct ct_call *a = left, *b = right;
	const uint32_t x[] = {a->caller, a->file, a->line, a->callee}, y[] = {b->caller, b->file, b->line, b->callee};
	for (int i = 0; i < 4; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}

int ct_calls_init(struct ct_calls *calls)
{
	int code = 0;
	for (size_t i = 0; i < calls->profile->site_count && !code; i++)
		if (!is_empty(calls, &calls->profile->sites[i]))
			code = add_site(calls, &calls->profile->sites[i]);
	if (!code && calls->count)
		qsort(calls->rows, calls->count, sizeof(*calls->rows), compare_calls);
	return code;
}

void ct_calls_fini(struct ct_calls *calls)
{
	free(calls->rows);
	free(calls->slots);
}
