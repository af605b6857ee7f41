/* SPDX-License-Identifier: MIT */
/* Findings in words. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/advise.h"
#include "names/names.h"
#include "names/number.h"

#define CALLERS_MAX 5
#define SECONDS_MIN 0.01 /* of a run; what a shorter one does in a second says nothing */

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
		[CT_ADVICE_PINS] = CT_METRIC_PINNED_BYTES,
		[CT_ADVICE_KEPT] = CT_METRIC_END_BYTES,
		[CT_ADVICE_PEAK] = CT_METRIC_PEAK_BYTES,
	};
	return metrics[kind];
}

const char *ct_advice_action(const struct ct_advice *advice)
{
	return advice->vector ? "reserve() the final size where it is known" : words[advice->kind].action;
}

__attribute__((format(printf, 2, 3))) static void add(char out[CT_ADVICE_ROOM], const char *format, ...)
{
	size_t used = strlen(out);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(out + used, CT_ADVICE_ROOM - used, format, arguments);
	va_end(arguments);
}

static void add_bytes(char out[CT_ADVICE_ROOM], double bytes)
{
	char number[CT_NUMBER_ROOM];
	add(out, "%s", ct_number_bytes(number, bytes < 0x1p63 ? (uint64_t)(bytes + 0.5) : UINT64_MAX));
}

static void add_count(char out[CT_ADVICE_ROOM], uint64_t count, const char *what)
{
	char number[CT_NUMBER_ROOM];
	/* what is "block"; a '*' in it marks where the plural's s goes */
	size_t stem = strcspn(what, "*");
	const char *rest = what[stem] ? what + stem + 1 : "";
	add(out, "%s %.*s%s%s", ct_number_exact(number, count), (int)stem, what, count == 1 ? "" : "s", rest);
}

static void add_percent(char out[CT_ADVICE_ROOM], double part, double whole)
{
	char number[CT_NUMBER_ROOM];
	add(out, "%s %%", ct_number_percent(number, part, whole));
}

static void add_time(char out[CT_ADVICE_ROOM], const struct ct_profile *profile, double time)
{
	char number[CT_NUMBER_ROOM];
	add(out, "%s", ct_number_time(number, time, profile->time_unit));
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
		add_bytes(out, average(c, c->total_bytes));
		add(out, " on average");
		return;
	}
	add_bytes(out, (double)c->smallest_bytes);
	add(out, " each");
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
		add(out, "%s%.80s", shown++ ? " < " : "", ct_name_short(profile, frame, text));
		if (i == first && *ct_name_place(profile, frame, text))
			add(out, " %.60s", text);
		if (run > 1)
			add(out, " ×%u", run);
		i = next;
	}
	if (i < site->frame_count)
		add(out, " < ...");
	if (stacks > 1) {
		add(out, ", and ");
		add_count(out, stacks - 1, "more stack");
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
	add_percent(out, (double)c->temporary_blocks, (double)c->total_blocks);
	add(out, " of ");
	add_count(out, c->total_blocks, "block");
	add(out, " were freed before their thread allocated again; ");
	add_sizes(out, profile, c);
	add(out, ", ");
	add_bytes(out, (double)c->total_bytes);
	add(out, " in all");
}

static void explain_growth(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	const struct ct_counters *c = &advice->counters;
	uint64_t buffers = c->total_blocks > c->resizes ? c->total_blocks - c->resizes : 1;
	if (advice->vector) {
		add_count(out, c->total_blocks, "block");
		add(out, " of containers, each in place of a smaller one; ");
		if (profile->has_details) {
			add_bytes(out, (double)c->smallest_bytes);
			add(out, " to ");
			add_bytes(out, (double)c->largest_bytes);
			add(out, ", ");
		}
		add_bytes(out, (double)c->total_bytes);
		add(out, " in all");
		return;
	}
	add_count(out, buffers, "buffer");
	add(out, buffers == 1 ? " was resized " : " were resized ");
	add_count(out, c->resizes, "time");
	if (profile->has_details) {
		add(out, ", ");
		add_bytes(out, (double)c->smallest_bytes);
		add(out, " to ");
		add_bytes(out, (double)c->largest_bytes);
	}
	if (c->moves) {
		add(out, "; ");
		add_count(out, c->moves, "time");
		add(out, " to another address, which copies ");
		add_bytes(out, (double)c->copied_bytes);
	}
}

static void explain_one_size(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	const struct ct_counters *c = &advice->counters;
	char number[CT_NUMBER_ROOM];
	add_count(out, c->total_blocks, "block");
	add(out, c->smallest_bytes == c->largest_bytes ? ", " : ", of one size at each stack, ");
	add_sizes(out, profile, c);
	add(out, ", never more than %s at a time; each lived ", ct_number_exact(number, c->max_blocks));
	add_time(out, profile, average(c, c->lifetime));
	add(out, " on average");
}

/* Units of the profile's time in a second; 0: it is not a time. */
static double per_second(const struct ct_profile *profile)
{
	return strcmp(profile->time_unit, "µs") ? 0 : 1e6;
}

double ct_advice_per_second(const struct ct_profile *profile, const struct ct_advice *advice)
{
	if (advice->kind == CT_ADVICE_LEAK)
		return advice->growth.slope * per_second(profile);
	if (advice->kind != CT_ADVICE_LOST || !profile->end_time)
		return 0;
	return (double)advice->counters.lost_bytes / (double)profile->end_time * per_second(profile);
}

static void add_rate(char *out, const struct ct_profile *profile, const struct ct_advice *advice)
{
	double rate = ct_advice_per_second(profile, advice);
	if (rate <= 0 || (double)profile->end_time < SECONDS_MIN * per_second(profile))
		return;
	add(out, "; ");
	add_bytes(out, rate);
	add(out, " a second");
}

static void explain_lost(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	const struct ct_counters *c = &advice->counters;
	add_bytes(out, (double)c->lost_bytes);
	add(out, " in ");
	add_count(out, c->lost_blocks, "block");
	add(out, " that no pointer leads to at the end");
	if (c->indirect_blocks) {
		add(out, ", and ");
		add_bytes(out, (double)c->indirect_bytes);
		add(out, " that only lost blocks point to");
	}
	add_rate(out, profile, advice);
	add(out, "; ");
	add_percent(out, (double)c->lost_blocks, (double)c->total_blocks);
	add(out, " of the blocks from there are lost");
}

static void explain_leak(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	const struct ct_counters *c = &advice->counters;
	const struct ct_growth *growth = &advice->growth;
	add(out, "live bytes rose from ");
	add_bytes(out, growth->first.bytes);
	add(out, " at ");
	add_time(out, profile, growth->first.time);
	add(out, " to ");
	add_bytes(out, growth->last.bytes);
	add(out, " in ");
	add_count(out, (uint64_t)(growth->last.blocks + 0.5), "block");
	add(out, " at the end");
	add_rate(out, profile, advice);
	add(out, "; they rose in %u of %u intervals and lie %s a line (R² %.2f): %s; ", growth->rises,
	    growth->intervals, growth->fit >= CT_GROWTH_SURE ? "on" : "near", growth->fit,
	    growth->fit >= CT_GROWTH_SURE ? "sure" : "likely");
	add_percent(out, advice->share, 1);
	add(out, " of all that grew");
	if (profile->has_reach && !c->lost_blocks && !c->possible_blocks && !c->indirect_blocks)
		add(out, "; all of it can still be reached, as in a cache or a list");
}

static const char *why_no_growth(const struct ct_findings *findings)
{
	return findings->missing & 1u << CT_ADVICE_LEAK
		       ? "the file knows too few moments of the run to see growth"
		       : "no function's live bytes grew steadily through the run by 16 KiB or 100 blocks";
}

char *ct_findings_no_leak(const struct ct_profile *profile, const struct ct_findings *findings,
			  char out[CT_ADVICE_ROOM])
{
	const struct ct_counters *c = &profile->totals;
	*out = '\0';
	for (size_t i = 0; i < findings->count; i++)
		if (findings->rows[i].kind == CT_ADVICE_LOST || findings->rows[i].kind == CT_ADVICE_LEAK)
			return out;
	if (!profile->has_lifetimes) {
		add(out, "no finding about leaks: the file does not say what was live at the end");
		return out;
	}
	if (!c->end_blocks) {
		add(out, "no leak: nothing was live at the end");
		return out;
	}
	add(out, "no finding about leaks: at the end ");
	add_bytes(out, (double)c->end_bytes);
	add(out, " in ");
	add_count(out, c->end_blocks, "block");
	add(out, c->end_blocks == 1 ? " was live" : " were live");
	if (profile->has_reach && c->lost_blocks) {
		add(out, ", of which ");
		add_bytes(out, (double)c->lost_bytes);
		add(out, " in ");
		add_count(out, c->lost_blocks, "block");
		add(out, " are lost, but less than 16 KiB and 100 blocks in any function; see ctrace top --leaks");
	} else if (profile->has_reach) {
		add(out, c->possible_blocks || c->indirect_blocks ? ", none of it certainly lost"
								  : ", and all of it could still be reached");
	}
	add(out, "; %s", why_no_growth(findings));
	if (!profile->has_reach && !strcmp(profile->producer, "ctrace"))
		add(out, "; ctrace record --reach finds out what is lost");
	return out;
}

char *ct_advice_without_leaks(const struct ct_profile *profile, char out[CT_ADVICE_ROOM])
{
	struct ct_error_text ignored;
	struct ct_findings findings;
	char where[CT_ADVICE_ROOM];
	*out = '\0';
	if (!ct_advise(profile, &findings, &ignored)) {
		size_t i = 0;
		while (i < findings.count && findings.rows[i].kind != CT_ADVICE_LEAK)
			i++;
		if (i < findings.count)
			add(out, "live bytes grew throughout the run in %.400s; see ctrace advise",
			    ct_advice_where(profile, &findings, &findings.rows[i], where));
		else
			add(out, "%s", why_no_growth(&findings));
	}
	ct_findings_fini(&findings);
	return out;
}

static void explain_live(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	const struct ct_counters *c = &advice->counters;
	add_bytes(out, (double)c->peak_bytes);
	add(out, " in ");
	add_count(out, c->peak_blocks, "block");
	add(out, " at the peak, ");
	add_percent(out, (double)c->peak_bytes, (double)profile->totals.peak_bytes);
	add(out, " of it; a block lived ");
	add_percent(out, average(c, c->lifetime), (double)profile->end_time);
	add(out, " of the run on average; ");
	if (c->end_bytes)
		add_bytes(out, (double)c->end_bytes);
	add(out, c->end_bytes ? " never freed" : "all freed");
}

static void explain_tiny(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	const struct ct_counters *c = &advice->counters;
	add_count(out, c->peak_blocks, "block");
	add(out, " at the peak, ");
	add_sizes(out, profile, c);
	add(out, ", hold ");
	add_bytes(out, (double)c->peak_bytes);
	add(out, "; the allocator needs about ");
	add_bytes(out, (double)advice->saved_bytes);
	add(out, " beside them");
}

static void explain_slack(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	const struct ct_counters *c = &advice->counters;
	add_count(out, c->total_blocks, "block");
	add(out, ", ");
	add_sizes(out, profile, c);
	add(out, ", got ");
	add_bytes(out, average(c, c->slack_bytes));
	add(out, " more than they asked for on average; about ");
	add_bytes(out, (double)advice->saved_bytes);
	add(out, " of the peak");
}

static void explain_pins(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	const struct ct_counters *c = &advice->counters;
	add_bytes(out, (double)c->resident_bytes);
	add(out, " of live blocks are alone on ");
	add_bytes(out, (double)c->pinned_bytes);
	add(out, " of pages, which the allocator cannot give back; ");
	add_percent(out, (double)c->pinned_bytes, (double)profile->ledger.rss_bytes);
	add(out, " of the process's resident memory");
}

char *ct_advice_evidence(const struct ct_profile *profile, const struct ct_advice *advice, char out[CT_ADVICE_ROOM])
{
	static void (*const explain[CT_ADVICE_KINDS])(const struct ct_profile *, const struct ct_advice *, char *) = {
		[CT_ADVICE_TEMPORARY] = explain_temporary, [CT_ADVICE_GROWTH] = explain_growth,
		[CT_ADVICE_ONE_SIZE] = explain_one_size,   [CT_ADVICE_LOST] = explain_lost,
		[CT_ADVICE_LEAK] = explain_leak,           [CT_ADVICE_TINY] = explain_tiny,
		[CT_ADVICE_SLACK] = explain_slack,         [CT_ADVICE_PINS] = explain_pins,
		[CT_ADVICE_KEPT] = explain_live,           [CT_ADVICE_PEAK] = explain_live,
	};
	*out = '\0';
	explain[advice->kind](profile, advice, out);
	return out;
}

static void add_saved_calls(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	add_count(out, advice->saved_calls,
		  advice->kind == CT_ADVICE_GROWTH && !advice->vector ? "call* of realloc"
								      : "pair* of malloc and free");
	if (advice->saved_calls * 1000 < profile->totals.total_blocks)
		return;
	add(out, " (");
	add_percent(out, (double)advice->saved_calls, (double)profile->totals.total_blocks);
	add(out, " of the program's allocations)");
}

static void add_saved_bytes(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	add(out, "%s", advice->vector ? "about " : "");
	add_bytes(out, (double)advice->saved_bytes);
	if (advice->kind == CT_ADVICE_GROWTH) {
		add(out, " of copying");
		return;
	}
	if (advice->kind == CT_ADVICE_TINY || advice->kind == CT_ADVICE_SLACK) {
		add(out, " at the peak, beside the ");
		add_bytes(out, (double)profile->totals.peak_bytes);
		add(out, " that the program asked for");
		return;
	}
	if (advice->kind == CT_ADVICE_PINS) {
		add(out, " of resident memory (");
		add_percent(out, (double)advice->saved_bytes, (double)profile->ledger.rss_bytes);
		add(out, ")");
		return;
	}
	bool end = advice->kind == CT_ADVICE_LEAK || advice->kind == CT_ADVICE_LOST;
	add(out, end ? " at the end (" : " at the peak (");
	add_percent(out, (double)advice->saved_bytes,
		    (double)(end ? profile->totals.end_bytes : profile->totals.peak_bytes));
	add(out, end ? " of what was live then)" : " of it)");
}

char *ct_advice_saving(const struct ct_profile *profile, const struct ct_advice *advice, char out[CT_ADVICE_ROOM])
{
	strcpy(out, "up to ");
	if (advice->saved_bytes)
		add_saved_bytes(profile, advice, out);
	if (advice->saved_bytes && advice->saved_calls)
		add(out, " and ");
	if (advice->saved_calls)
		add_saved_calls(profile, advice, out);
	return out;
}
