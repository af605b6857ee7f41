/* SPDX-License-Identifier: MIT */
/* Findings in words. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/advise.h"
#include "model/leak_words.h"
#include "model/sentence.h"
#include "names/names.h"
#include "names/number.h"

#define CALLERS_MAX 5

static const struct words {
	const char *name, *title, *action;
} words[CT_ADVICE_KINDS] = {
	[CT_ADVICE_TEMPORARY] =
		{"temporary", "Temporary blocks",
		 "keep one buffer from call to call, or use the stack where the size is small and known"},
	[CT_ADVICE_GROWTH] =
		{"growth", "Buffers grown step by step",
		 "take the final size at once where it is known, or grow by half or double, not by a step"},
	[CT_ADVICE_ONE_SIZE] = {"one-size", "Short-lived blocks of one size",
				"a free list or a pool of this size may serve them"},
	[CT_ADVICE_LOST] =
		{"lost", "Lost blocks",
		 "free a block where the last pointer to it goes; ctrace top --leaks --full shows the stacks"},
	[CT_ADVICE_LEAK] =
		{"leak", "Grows as long as the program runs",
		 "is it freed when it is no longer needed? A cache may want a limit; what the program is there "
		 "to build up is fine"},
	[CT_ADVICE_TINY] = {"tiny", "Many tiny blocks",
			    "put them into an array or arena, or into the block that points to them"},
	[CT_ADVICE_SLACK] = {"slack", "Room that was not asked for",
			     "sizes just above a size class of the allocator: ask for a little less, or use the room"},
	[CT_ADVICE_PINS] =
		{"pins", "Few live bytes that pin pages",
		 "allocate what lives long before or apart from what lives briefly, such as in a pool of its "
		 "own; ctrace top --pins shows all"},
	[CT_ADVICE_KEPT] =
		{"kept", "Held from start to end",
		 "free it when it has done its work, or make it when it is first needed; fine where it is in "
		 "use to the end"},
	[CT_ADVICE_PEAK] = {"peak", "Makes the peak",
			    "work on smaller pieces at a time, or free other things before this one comes"},
};

const char *ct_advice_name(enum ct_advice_kind kind)
{
	return words[kind].name;
}

const char *ct_advice_title(enum ct_advice_kind kind)
{
	return words[kind].title;
}

enum ct_metric ct_advice_metric(enum ct_advice_kind kind)
{
	static const enum ct_metric metrics[CT_ADVICE_KINDS] = {
		[CT_ADVICE_TEMPORARY] = CT_METRIC_TEMPORARY_BLOCKS,
		[CT_ADVICE_GROWTH] = CT_METRIC_TOTAL_BYTES,
		[CT_ADVICE_ONE_SIZE] = CT_METRIC_TOTAL_BLOCKS,
		[CT_ADVICE_LEAK] = CT_METRIC_END_BYTES,
		[CT_ADVICE_LOST] = CT_METRIC_LOST_BYTES,
		[CT_ADVICE_TINY] = CT_METRIC_TOTAL_BLOCKS,
		[CT_ADVICE_SLACK] = CT_METRIC_SLACK_BYTES,
		[CT_ADVICE_PINS] = CT_METRIC_SHARE_BYTES,
		[CT_ADVICE_KEPT] = CT_METRIC_PEAK_BYTES, // at the end it may have been freed
		[CT_ADVICE_PEAK] = CT_METRIC_PEAK_BYTES,
	};
	return metrics[kind];
}

const char *ct_advice_action(const struct ct_advice *advice)
{
	return advice->vector ? "reserve() the final size where it is known" : words[advice->kind].action;
}

/* Per block. */
static double average(const struct ct_counters *c, uint64_t sum)
{
	return c->total_blocks ? (double)sum / (double)c->total_blocks : 0;
}

/* "41 B each", "41 B on average" */
static void add_sizes(char out[CT_ADVICE_ROOM], const struct ct_profile *profile, const struct ct_counters *c)
{
	if (!profile->has_details || c->smallest_bytes != c->largest_bytes) {
		ct_sentence_bytes(out, average(c, c->total_bytes));
		ct_sentence_add(out, " on average");
		return;
	}
	ct_sentence_bytes(out, (double)c->smallest_bytes);
	ct_sentence_add(out, " each");
}

static const struct ct_frame *frame_of(const struct ct_profile *profile, const struct ct_site_row *site, uint32_t index)
{
	return &profile->frames[profile->frame_ids[site->first_frame + index]];
}

/* The next frame of the site's own code behind index, or of any code if there is none at index; frame_count: none. */
static uint32_t next_caller(const struct ct_profile *profile, const struct ct_origins *origins,
			    const struct ct_site_row *site, uint32_t index)
{
	const uint32_t *frames = profile->frame_ids + site->first_frame;
	bool any = !ct_origin_is_own(origins, frames[index]);
	for (uint32_t i = index + 1; i < site->frame_count; i++)
		if (any || ct_origin_is_own(origins, frames[i]))
			return i;
	return site->frame_count;
}

char *ct_advice_place(const struct ct_profile *profile, const struct ct_origins *origins, uint32_t number,
		      uint32_t first, size_t stacks, char out[CT_ADVICE_ROOM])
{
	const struct ct_site_row *site = &profile->sites[number];
	char text[CT_NAME_ROOM];
	uint32_t i = first;
	*out = '\0';
	for (int shown = 0; i < site->frame_count && shown < CALLERS_MAX;) {
		const struct ct_frame *frame = frame_of(profile, site, i);
		uint32_t run = 0, next = i;
		do {
			run++;
			next = next_caller(profile, origins, site, next);
		} while (next < site->frame_count && ct_name_key(frame_of(profile, site, next)) == ct_name_key(frame));
		ct_sentence_add(out, "%s%.80s", shown++ ? " < " : "", ct_name_short(profile, frame, text));
		if (i == first && *ct_name_place(profile, frame, text))
			ct_sentence_add(out, " %.60s", text);
		if (run > 1)
			ct_sentence_add(out, " ×%u", run);
		i = next;
	}
	if (i < site->frame_count)
		ct_sentence_add(out, " < ...");
	if (stacks > 1) {
		ct_sentence_add(out, ", and ");
		ct_sentence_count(out, stacks - 1, "more stack");
	}
	return out;
}

char *ct_advice_where(const struct ct_profile *profile, const struct ct_findings *findings,
		      const struct ct_advice *advice, char out[CT_ADVICE_ROOM])
{
	return ct_advice_place(profile, &findings->origins, advice->site, advice->frame, advice->site_count, out);
}

static void explain_temporary(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	const struct ct_counters *c = &advice->counters;
	ct_sentence_percent(out, (double)c->temporary_blocks, (double)c->total_blocks);
	ct_sentence_add(out, " of ");
	ct_sentence_count(out, c->total_blocks, "block");
	ct_sentence_add(out, " were freed before their thread allocated again; ");
	add_sizes(out, profile, c);
	ct_sentence_add(out, ", ");
	ct_sentence_bytes(out, (double)c->total_bytes);
	ct_sentence_add(out, " in all");
}

static void explain_growth(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	const struct ct_counters *c = &advice->counters;
	uint64_t buffers = c->total_blocks > c->resizes ? c->total_blocks - c->resizes : 1;
	if (advice->vector) {
		ct_sentence_count(out, c->total_blocks, "block");
		ct_sentence_add(out, " of containers, each in place of a smaller one; ");
		if (profile->has_details) {
			ct_sentence_bytes(out, (double)c->smallest_bytes);
			ct_sentence_add(out, " to ");
			ct_sentence_bytes(out, (double)c->largest_bytes);
			ct_sentence_add(out, ", ");
		}
		ct_sentence_bytes(out, (double)c->total_bytes);
		ct_sentence_add(out, " in all");
		return;
	}
	ct_sentence_count(out, buffers, "buffer");
	ct_sentence_add(out, buffers == 1 ? " was resized " : " were resized ");
	ct_sentence_count(out, c->resizes, "time");
	if (profile->has_details) {
		ct_sentence_add(out, ", ");
		ct_sentence_bytes(out, (double)c->smallest_bytes);
		ct_sentence_add(out, " to ");
		ct_sentence_bytes(out, (double)c->largest_bytes);
	}
	if (c->moves) {
		ct_sentence_add(out, "; ");
		ct_sentence_count(out, c->moves, "time");
		ct_sentence_add(out, " to another address, which copies ");
		ct_sentence_bytes(out, (double)c->copied_bytes);
	}
}

static void explain_one_size(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	const struct ct_counters *c = &advice->counters;
	char number[CT_NUMBER_ROOM];
	ct_sentence_count(out, c->total_blocks, "block");
	ct_sentence_add(out, c->smallest_bytes == c->largest_bytes ? ", " : ", of one size at each stack, ");
	add_sizes(out, profile, c);
	ct_sentence_add(out, ", never more than %s at a time; each lived ", ct_number_exact(number, c->max_blocks));
	ct_sentence_time(out, profile, average(c, c->lifetime));
	ct_sentence_add(out, " on average");
}

static void explain_live(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	const struct ct_counters *c = &advice->counters;
	ct_sentence_bytes(out, (double)c->peak_bytes);
	ct_sentence_add(out, " in ");
	ct_sentence_count(out, c->peak_blocks, "block");
	ct_sentence_add(out, " at the peak, ");
	ct_sentence_percent(out, (double)c->peak_bytes, (double)profile->totals.peak_bytes);
	ct_sentence_add(out, " of it; a block lived ");
	ct_sentence_percent(out, average(c, c->lifetime), (double)profile->end_time);
	ct_sentence_add(out, " of the run on average; ");
	if (c->end_bytes)
		ct_sentence_bytes(out, (double)c->end_bytes);
	ct_sentence_add(out, c->end_bytes ? " never freed" : "all freed");
}

static void explain_tiny(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	const struct ct_counters *c = &advice->counters;
	ct_sentence_count(out, c->peak_blocks, "block");
	ct_sentence_add(out, " at the peak, ");
	add_sizes(out, profile, c);
	ct_sentence_add(out, ", hold ");
	ct_sentence_bytes(out, (double)c->peak_bytes);
	ct_sentence_add(out, "; the allocator needs about ");
	ct_sentence_bytes(out, (double)advice->saved_bytes);
	ct_sentence_add(out, " beside them");
}

static void explain_slack(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	const struct ct_counters *c = &advice->counters;
	ct_sentence_count(out, c->total_blocks, "block");
	ct_sentence_add(out, ", ");
	add_sizes(out, profile, c);
	ct_sentence_add(out, ", got ");
	ct_sentence_bytes(out, average(c, c->slack_bytes));
	ct_sentence_add(out, " more than they asked for on average; about ");
	ct_sentence_bytes(out, (double)advice->saved_bytes);
	ct_sentence_add(out, " of the peak");
}

static void explain_pins(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	const struct ct_counters *c = &advice->counters;
	ct_sentence_bytes(out, (double)c->resident_bytes);
	ct_sentence_add(out, " of live blocks keep ");
	ct_sentence_bytes(out, (double)c->share_bytes);
	ct_sentence_add(out, " of free memory on their pages, which the allocator cannot give back; ");
	ct_sentence_percent(out, (double)c->share_bytes, (double)profile->ledger.rss_bytes);
	ct_sentence_add(out, " of the process's resident memory");
}

char *ct_advice_evidence(const struct ct_profile *profile, const struct ct_advice *advice, char out[CT_ADVICE_ROOM])
{
	static void (*const explain[CT_ADVICE_KINDS])(const struct ct_profile *, const struct ct_advice *, char *) = {
		[CT_ADVICE_TEMPORARY] = explain_temporary, [CT_ADVICE_GROWTH] = explain_growth,
		[CT_ADVICE_ONE_SIZE] = explain_one_size,   [CT_ADVICE_LOST] = ct_explain_lost,
		[CT_ADVICE_LEAK] = ct_explain_leak,        [CT_ADVICE_TINY] = explain_tiny,
		[CT_ADVICE_SLACK] = explain_slack,         [CT_ADVICE_PINS] = explain_pins,
		[CT_ADVICE_KEPT] = explain_live,           [CT_ADVICE_PEAK] = explain_live,
	};
	*out = '\0';
	explain[advice->kind](profile, advice, out);
	return out;
}

static void add_saved_calls(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	ct_sentence_count(out, advice->saved_calls,
			  advice->kind == CT_ADVICE_GROWTH && !advice->vector ? "call* of realloc"
									      : "pair* of malloc and free");
	if (advice->saved_calls * 1000 < profile->totals.total_blocks)
		return;
	ct_sentence_add(out, " (");
	ct_sentence_percent(out, (double)advice->saved_calls, (double)profile->totals.total_blocks);
	ct_sentence_add(out, " of the program's allocations)");
}

static void add_saved_bytes(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	ct_sentence_add(out, "%s", advice->vector ? "about " : "");
	ct_sentence_bytes(out, (double)advice->saved_bytes);
	if (advice->kind == CT_ADVICE_GROWTH) {
		ct_sentence_add(out, " of copying");
		return;
	}
	if (advice->kind == CT_ADVICE_TINY || advice->kind == CT_ADVICE_SLACK) {
		ct_sentence_add(out, " at the peak, beside the ");
		ct_sentence_bytes(out, (double)profile->totals.peak_bytes);
		ct_sentence_add(out, " that the program asked for");
		return;
	}
	if (advice->kind == CT_ADVICE_PINS) {
		ct_sentence_add(out, " of resident memory (");
		ct_sentence_percent(out, (double)advice->saved_bytes, (double)profile->ledger.rss_bytes);
		ct_sentence_add(out, ")");
		return;
	}
	bool end = advice->kind == CT_ADVICE_LEAK || advice->kind == CT_ADVICE_LOST;
	ct_sentence_add(out, end ? " at the end (" : " at the peak (");
	ct_sentence_percent(out, (double)advice->saved_bytes,
			    (double)(end ? profile->totals.end_bytes : profile->totals.peak_bytes));
	ct_sentence_add(out, end ? " of what was live then)" : " of it)");
}

char *ct_advice_saving(const struct ct_profile *profile, const struct ct_advice *advice, char out[CT_ADVICE_ROOM])
{
	strcpy(out, "up to ");
	if (advice->saved_bytes)
		add_saved_bytes(profile, advice, out);
	if (advice->saved_bytes && advice->saved_calls)
		ct_sentence_add(out, " and ");
	if (advice->saved_calls)
		add_saved_calls(profile, advice, out);
	return out;
}
