/* SPDX-License-Identifier: MIT */
/* Leaks, and what is not one, in words. */
#include "model/leak_words.h"

#include <string.h>

#include "names/names.h"
#include "util/whole.h"

#define SECONDS_MIN 0.01 /* of a run; what a shorter one does in a second says nothing */
#define FREED_MIN (1u << 20) /* bytes that a program frees while it ends */
#define FREED_TIMES 4 /* and as much as this times what it has left */
#define LINES_MAX 5
#define LINE_REST 32 /* bytes of a line beside its place and its verdict */

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

/* "12.3 KiB a second"; a rate of a long run that is small is for a minute. */
static void say_rate(char *out, const struct ct_profile *profile, double rate)
{
	bool small = rate < 1024 && (double)profile->end_time >= 60 * per_second(profile);
	ct_sentence_bytes(out, small ? rate * 60 : rate);
	ct_sentence_add(out, small ? " a minute" : " a second");
}

static bool has_rate(const struct ct_profile *profile, double rate)
{
	return rate > 0 && (double)profile->end_time >= SECONDS_MIN * per_second(profile);
}

void ct_explain_lost(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	const struct ct_counters *c = &advice->counters;
	ct_sentence_bytes(out, (double)c->lost_bytes);
	ct_sentence_add(out, " in ");
	ct_sentence_count(out, c->lost_blocks, "block");
	ct_sentence_add(out, " that no pointer leads to at the end");
	if (c->indirect_blocks) {
		ct_sentence_add(out, ", and ");
		ct_sentence_bytes(out, (double)c->indirect_bytes);
		ct_sentence_add(out, " that only lost blocks point to");
	}
	double rate = ct_advice_per_second(profile, advice);
	if (has_rate(profile, rate)) {
		ct_sentence_add(out, "; ");
		say_rate(out, profile, rate);
	}
	ct_sentence_add(out, "; ");
	ct_sentence_percent(out, (double)c->lost_blocks, (double)c->total_blocks);
	ct_sentence_add(out, " of the blocks from there are lost");
}

/* "steady leak of 1.23 MiB a second since 40.1 s, 98 % sure" */
static void say_leak(char *out, const struct ct_profile *profile, const struct ct_growth *growth)
{
	double rate = growth->slope * per_second(profile);
	ct_sentence_add(out, "steady leak");
	if (has_rate(profile, rate)) {
		ct_sentence_add(out, " of ");
		say_rate(out, profile, rate);
	}
	ct_sentence_add(out, " since ");
	ct_sentence_time(out, profile, growth->first.time);
	ct_sentence_add(out, ", %.0f %% sure", growth->sure * 100);
}

static void say_replaced(char *out, double times)
{
	if (times < 1.5)
		ct_sentence_add(out, ", all blocks replaced once");
	else
		ct_sentence_add(out, ", blocks replaced %.0f times over", times);
}

char *ct_stay_verdict(const struct ct_profile *profile, const struct ct_stay *stay, char out[CT_ADVICE_ROOM])
{
	const struct ct_growth *growth = &stay->growth;
	const struct ct_counters *c = &stay->counters;
	*out = '\0';
	switch (growth->kind) {
	case CT_GROWTH_LEAK:
		say_leak(out, profile, growth);
		break;
	case CT_GROWTH_FULL:
		ct_sentence_add(out, "cache, full since ");
		ct_sentence_time(out, profile, growth->first.time);
		if (c->end_blocks && c->total_blocks >= c->end_blocks * 2)
			say_replaced(out, (double)c->total_blocks / (double)c->end_blocks - 1);
		break;
	case CT_GROWTH_FLAT:
		ct_sentence_add(out, "unchanged since ");
		ct_sentence_time(out, profile, growth->first.time);
		break;
	case CT_GROWTH_SAWTOOTH:
		ct_sentence_add(out, "sawtooth, ");
		ct_sentence_count(out, growth->falls, "large fall");
		ct_sentence_add(out, growth->lows_rise ? "; its low points rise, which may be a leak"
						       : ", and its low points do not rise");
		break;
	default:
		break;
	}
	return out;
}

void ct_explain_leak(const struct ct_profile *profile, const struct ct_advice *advice, char *out)
{
	const struct ct_counters *c = &advice->counters;
	const struct ct_growth *growth = &advice->growth;
	say_leak(out, profile, growth);
	ct_sentence_add(out, ": live bytes rose from ");
	ct_sentence_bytes(out, growth->first.bytes);
	ct_sentence_add(out, " at ");
	ct_sentence_time(out, profile, growth->first.time);
	ct_sentence_add(out, " to ");
	ct_sentence_bytes(out, growth->last.bytes);
	ct_sentence_add(out, " in ");
	ct_sentence_count(out, ct_whole(growth->last.blocks), "block");
	if (growth->last.time >= (double)profile->end_time) {
		ct_sentence_add(out, " at the end");
	} else {
		ct_sentence_add(out, " after the last of ");
		ct_sentence_count(out, growth->falls, "large fall");
	}
	ct_sentence_add(out, "; they rose in %u of %u intervals and lie on a line with R² %.2f; ", growth->rises,
			growth->intervals, growth->fit);
	if (c->total_blocks == c->end_blocks)
		ct_sentence_add(out, "none");
	else
		ct_sentence_percent(out, (double)c->total_blocks - (double)c->end_blocks, (double)c->total_blocks);
	ct_sentence_add(out, " of the blocks from there %s freed; ", c->total_blocks == c->end_blocks ? "was" : "were");
	ct_sentence_percent(out, advice->share, 1);
	ct_sentence_add(out, " of all that grew");
	if (profile->has_reach && !c->lost_blocks && !c->possible_blocks && !c->indirect_blocks)
		ct_sentence_add(out, "; all of it can still be reached, as in a cache or a list");
}

/* What the function with most bytes at the end is, if it is known. */
static void say_largest(char *out, const struct ct_profile *profile, const struct ct_findings *findings)
{
	char place[CT_ADVICE_ROOM], verdict[CT_ADVICE_ROOM];
	const struct ct_stays *stays = &findings->stays;
	if (!stays->count || !*ct_stay_verdict(profile, &stays->rows[0], verdict))
		return;
	ct_sentence_add(out, "; the largest that stays: %.150s, ",
			ct_stay_place(profile, findings, &stays->rows[0], place));
	ct_sentence_bytes(out, (double)stays->rows[0].counters.end_bytes);
	ct_sentence_add(out, ": %.100s", verdict);
}

char *ct_stay_place(const struct ct_profile *profile, const struct ct_findings *findings, const struct ct_stay *stay,
		    char out[CT_ADVICE_ROOM])
{
	const struct ct_site_row *site = &profile->sites[stay->site];
	uint32_t own = ct_origin_own(profile, &findings->origins, site);
	const struct ct_frame *frame = &profile->frames[profile->frame_ids[site->first_frame + own]];
	char name[CT_NAME_ROOM];
	*out = '\0';
	ct_sentence_add(out, "%.160s", ct_name_short(profile, frame, name));
	if (*ct_name_place(profile, frame, name))
		ct_sentence_add(out, " %.160s", name);
	return out;
}

char *ct_stays_lines(const struct ct_profile *profile, const struct ct_findings *findings, const uint8_t *left_out,
		     char out[CT_ADVICE_ROOM])
{
	char place[CT_ADVICE_ROOM], verdict[CT_ADVICE_ROOM];
	*out = '\0';
	size_t count = findings->stays.count;
	for (size_t i = 0, lines = 0; i < count * 2 && lines < LINES_MAX; i++) {
		const struct ct_stay *stay = &findings->stays.rows[i % count];
		bool leaks = stay->growth.kind == CT_GROWTH_LEAK;
		if (leaks != (i < count) || left_out[stay->site] || !*ct_stay_verdict(profile, stay, verdict))
			continue;
		ct_stay_place(profile, findings, stay, place);
		if (strlen(out) + strlen(place) + strlen(verdict) + LINE_REST > CT_ADVICE_ROOM)
			break;
		ct_sentence_bytes(out, (double)stay->counters.end_bytes);
		ct_sentence_add(out, " in %s: %s\n", place, verdict);
		lines++;
	}
	return out;
}

static const char *why_no_growth(const struct ct_findings *findings)
{
	return findings->missing & 1u << CT_ADVICE_LEAK
		       ? "the run was too short, or the file knows too few of its moments, to see growth"
		       : "no function's live bytes grew steadily to the end by 16 KiB or 100 blocks";
}

/*
 * A program that frees all it has when it ends, as Python does, has no growth to its end, whatever it did before. The
 * verdict would be another one a moment earlier.
 */
static void say_freed_at_end(char *out, const struct ct_profile *profile)
{
	size_t i = profile->timeline_count;
	uint64_t start = i ? profile->timeline[i - 1].time : 0, end = profile->totals.end_bytes, before;
	start -= start / 10;
	while (i > 0 && profile->timeline[i - 1].time > start)
		i--;
	before = i ? profile->timeline[i - 1].last_bytes : 0;
	if (before < end + FREED_MIN || before < end * FREED_TIMES)
		return;
	ct_sentence_add(out, "; of what was live before, ");
	ct_sentence_bytes(out, (double)(before - end));
	ct_sentence_add(out,
			" was freed in the last tenth of the run: if it had grown, only a report from before shows it "
			"(ctrace export --live, while it runs)");
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
		ct_sentence_add(out, "no finding about leaks: the file does not say what was live at the end");
		return out;
	}
	if (!c->end_blocks) {
		ct_sentence_add(out, "no leak: nothing was live at the end");
		say_freed_at_end(out, profile);
		return out;
	}
	ct_sentence_add(out, "no finding about leaks: at the end ");
	ct_sentence_bytes(out, (double)c->end_bytes);
	ct_sentence_add(out, " in ");
	ct_sentence_count(out, c->end_blocks, "block");
	ct_sentence_add(out, c->end_blocks == 1 ? " was live" : " were live");
	if (profile->has_reach && c->lost_blocks) {
		ct_sentence_add(out, ", of which ");
		ct_sentence_bytes(out, (double)c->lost_bytes);
		ct_sentence_add(out, " in ");
		ct_sentence_count(out, c->lost_blocks, "block");
		ct_sentence_add(
			out, " are lost, but less than 16 KiB and 100 blocks in any function; see ctrace top --leaks");
	} else if (profile->has_reach) {
		ct_sentence_add(out, c->possible_blocks || c->indirect_blocks
					     ? ", none of it certainly lost"
					     : ", and all of it could still be reached");
	}
	ct_sentence_add(out, "; %s", why_no_growth(findings));
	say_largest(out, profile, findings);
	say_freed_at_end(out, profile);
	if (!profile->has_reach && !strcmp(profile->producer, "ctrace"))
		ct_sentence_add(out, "; ctrace record --reach finds out what is lost");
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
			ct_sentence_add(out, "live bytes grew throughout the run in %.400s; see ctrace advise",
					ct_advice_where(profile, &findings, &findings.rows[i], where));
		else
			ct_sentence_add(out, "%s", why_no_growth(&findings));
	}
	ct_findings_fini(&findings);
	return out;
}
