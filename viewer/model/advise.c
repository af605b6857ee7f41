/* SPDX-License-Identifier: MIT */
#include "model/advise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/metric.h"
#include "model/origin.h"
#include "names/names.h"
#include "util/array.h"
#include "util/whole.h"

/* Thresholds; ctrace-advise(1) lists them. */
#define SHARE_MIN 0.05
#define PEAK_SHARE_MIN 0.25
#define CALLS_MIN 1000
#define CALLS_PER_SECOND_MIN 1000
#define BYTES_MIN 65536
#define PEAK_BYTES_MIN 1048576
#define TINY_BYTES 32 /* largest average size of a tiny block */
#define TINY_HEADER 8 /* glibc's header of each block */
#define TINY_CHUNK 32 /* glibc's smallest chunk, header included */
#define SLACK_MIN 0.2 /* as a share of the requested bytes */
#define KEPT_MIN 0.75 /* average lifetime as a share of the run */
#define REUSE_MIN 10 /* blocks allocated for each one live at the site's maximum */

struct work {
	const struct ct_profile *profile;
	bool *growing; /* by frame id: a container that moves to a larger block */
	uint32_t *where; /* by site: index of the frame that a finding would be about */
	uint32_t *keys; /* by site: equal for sites of one function */
	uint32_t *order; /* sites by key */
	size_t function_count;
	size_t room; /* allocated findings */
	struct ct_findings *findings;
};

static double ratio(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

static const struct ct_frame *frame_of(const struct ct_profile *profile, const struct ct_site_row *site, uint32_t index)
{
	return &profile->frames[profile->frame_ids[site->first_frame + index]];
}

static bool is_growing(const char *name)
{
	static const char *const words[] = {
		"::_M_realloc_insert",     "::_M_realloc_append",        "::_M_default_append", "::_M_range_insert",
		"::__push_back_slow_path", "::__emplace_back_slow_path", "::__append("};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(name, words[i]))
			return true;
	return false;
}

static void find_growing(struct work *work)
{
	const struct ct_profile *profile = work->profile;
	for (size_t i = 1; i < profile->frame_count; i++)
		work->growing[i] = is_growing(profile->strings[profile->frames[i].function]);
}

/* Unnamed code gets a key per frame, not per module: a stripped program would otherwise be a single function. */
static uint32_t key_of(const struct ct_profile *profile, const struct ct_frame *frame)
{
	return frame->function ? frame->function
			       : (uint32_t)(profile->string_count + (size_t)(frame - profile->frames));
}

static void key_site(struct work *work, size_t number)
{
	const struct ct_profile *profile = work->profile;
	const struct ct_site_row *site = &profile->sites[number];
	work->where[number] = ct_origin_own(profile, &work->findings->origins, site);
	work->keys[number] = key_of(profile, frame_of(profile, site, work->where[number]));
	work->order[number] = (uint32_t)number;
}

static int compare_keys(const void *left, const void *right, void *argument)
{
	const struct work *work = argument;
	uint32_t x = *(const uint32_t *)left, y = *(const uint32_t *)right;
	if (work->keys[x] != work->keys[y])
		return work->keys[x] < work->keys[y] ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void number_functions(struct work *work)
{
	for (size_t i = 0; i < work->profile->site_count; i++) {
		uint32_t site = work->order[i];
		if (!i || work->keys[site] != work->keys[work->order[i - 1]])
			work->function_count++;
		work->findings->function_of[site] = (uint32_t)work->function_count - 1;
	}
}

/*
 * Two functions per kind. X_of: how much a site contributes, in any unit; 0: it is not of this kind. judge_X: whether
 * the sites of a function together make a finding.
 */

static uint64_t temporary_of(const struct work *work, size_t site)
{
	const struct ct_counters *c = &work->profile->sites[site].counters;
	return c->temporary_blocks * 2 >= c->total_blocks ? c->temporary_blocks : 0;
}

/* Are there enough calls to matter? */
static bool is_often(const struct work *work, uint64_t calls)
{
	const struct ct_profile *profile = work->profile;
	double seconds = strcmp(profile->time_unit, "µs") ? 0 : (double)profile->end_time / 1e6;
	return calls >= CALLS_MIN && (double)calls >= seconds * CALLS_PER_SECOND_MIN;
}

static bool judge_calls(const struct work *work, struct ct_advice *advice, uint64_t calls)
{
	advice->saved_calls = calls;
	advice->share = ratio((double)calls, (double)work->profile->totals.total_blocks);
	return advice->share >= SHARE_MIN && is_often(work, calls);
}

static bool judge_temporary(const struct work *work, struct ct_advice *advice)
{
	return judge_calls(work, advice, advice->counters.temporary_blocks);
}

static bool grows(const struct work *work, size_t number)
{
	const struct ct_site_row *site = &work->profile->sites[number];
	bool found = false;
	for (uint32_t i = 0; i < work->where[number] && !found; i++)
		found = work->growing[work->profile->frame_ids[site->first_frame + i]];
	return found;
}

/* A buffer that is resized only once has not grown step by step. A resize also counts as a block. */
static uint64_t growth_of(const struct work *work, size_t site)
{
	const struct ct_counters *c = &work->profile->sites[site].counters;
	if (grows(work, site))
		return c->total_bytes;
	return c->resizes * 3 >= c->total_blocks * 2 ? c->resizes + c->copied_bytes : 0;
}

static bool judge_growth(const struct work *work, struct ct_advice *advice)
{
	const struct ct_counters *c = &advice->counters, *totals = &work->profile->totals;
	advice->vector = grows(work, advice->site);
	/* A vector doubles its block, so it has outgrown about half of all the bytes that it ever allocated. */
	advice->saved_calls = advice->vector ? c->total_blocks : c->resizes;
	advice->saved_bytes = advice->vector ? c->total_bytes / 2 : c->copied_bytes;
	double bytes = ratio((double)advice->saved_bytes, (double)totals->total_bytes);
	double calls = ratio((double)advice->saved_calls, (double)totals->total_blocks);
	bool copies = bytes >= SHARE_MIN && advice->saved_bytes >= BYTES_MIN;
	advice->share = copies && bytes > calls ? bytes : calls;
	return copies || (calls >= SHARE_MIN && is_often(work, advice->saved_calls));
}

static uint64_t one_size_of(const struct work *work, size_t site)
{
	const struct ct_counters *c = &work->profile->sites[site].counters;
	bool reused = c->max_blocks && c->total_blocks / c->max_blocks >= REUSE_MIN;
	return c->smallest_bytes == c->largest_bytes && reused && !temporary_of(work, site) ? c->total_blocks : 0;
}

static bool judge_one_size(const struct work *work, struct ct_advice *advice)
{
	return judge_calls(work, advice, advice->counters.total_blocks - advice->counters.max_blocks);
}

static bool judge_bytes(struct ct_advice *advice, double bytes, double whole, double least)
{
	advice->saved_bytes = ct_whole(bytes);
	advice->share = ratio(bytes, whole);
	return advice->share >= least && advice->saved_bytes >= BYTES_MIN;
}

static uint64_t lost_of(const struct work *work, size_t site)
{
	const struct ct_counters *c = &work->profile->sites[site].counters;
	return c->lost_bytes + c->lost_blocks;
}

/* Lost blocks are a mistake whatever else the program holds, so they come first. */
static bool judge_lost(const struct work *work, struct ct_advice *advice)
{
	const struct ct_counters *c = &advice->counters;
	advice->saved_bytes = c->lost_bytes;
	advice->share = ratio((double)c->lost_bytes, (double)work->profile->totals.end_bytes);
	return c->lost_bytes >= CT_STAY_BYTES_MIN || c->lost_blocks >= CT_STAY_BLOCKS_MIN;
}

static uint64_t leak_of(const struct work *work, size_t site)
{
	return work->profile->sites[site].counters.end_bytes;
}

/*
 * Does the function already have a finding of kind first or of a later one? A leak of its own may be a small part of
 * what the function holds, and then says nothing about the rest.
 */
static bool is_told(const struct work *work, const struct ct_advice *advice, enum ct_advice_kind first)
{
	for (size_t i = 0; i < work->findings->count; i++) {
		const struct ct_advice *other = &work->findings->rows[i];
		bool leak = other->kind == CT_ADVICE_LOST || other->kind == CT_ADVICE_LEAK;
		if (other->kind >= first && other->function == advice->function &&
		    (!leak || other->saved_bytes * 2 >= advice->saved_bytes))
			return true;
	}
	return false;
}

static bool judge_leak(const struct work *work, struct ct_advice *advice)
{
	const struct ct_stay *stay = ct_stays_of(&work->findings->stays, advice->function);
	if (!stay || stay->growth.kind != CT_GROWTH_LEAK)
		return false;
	advice->growth = stay->growth;
	advice->saved_bytes = (uint64_t)fmax(0, stay->growth.last.bytes - stay->growth.first.bytes);
	advice->share = ratio((double)advice->saved_bytes, (double)work->findings->stays.grown_bytes);
	return !is_told(work, advice, CT_ADVICE_LOST);
}

static bool is_tiny(const struct ct_counters *c)
{
	return c->total_bytes <= c->total_blocks * TINY_BYTES;
}

static uint64_t tiny_of(const struct work *work, size_t site)
{
	const struct ct_counters *c = &work->profile->sites[site].counters;
	return is_tiny(c) ? c->peak_blocks : 0;
}

static bool judge_tiny(const struct work *work, struct ct_advice *advice)
{
	const struct ct_counters *c = &advice->counters;
	double asked = ratio((double)c->total_bytes, (double)c->total_blocks);
	double beside = TINY_HEADER + ratio((double)c->slack_bytes, (double)c->total_blocks);
	if (!work->profile->has_slack)
		beside = asked + TINY_HEADER < TINY_CHUNK ? TINY_CHUNK - asked : TINY_HEADER;
	double bytes = beside * (double)c->peak_blocks;
	return judge_bytes(advice, bytes, (double)work->profile->totals.peak_bytes + bytes, SHARE_MIN);
}

static uint64_t slack_of(const struct work *work, size_t site)
{
	const struct ct_counters *c = &work->profile->sites[site].counters;
	bool large = (double)c->slack_bytes >= (double)c->total_bytes * SLACK_MIN;
	return large && !is_tiny(c) ? c->peak_bytes : 0;
}

static bool judge_slack(const struct work *work, struct ct_advice *advice)
{
	const struct ct_counters *c = &advice->counters;
	double bytes = ratio((double)c->slack_bytes, (double)c->total_bytes) * (double)c->peak_bytes;
	return judge_bytes(advice, bytes, (double)work->profile->totals.peak_bytes + bytes, SHARE_MIN);
}

/* The site's part of the free bytes that live blocks keep on their pages, if it is as much as the blocks themselves. */
static uint64_t pins_of(const struct work *work, size_t site)
{
	const struct ct_counters *c = &work->profile->sites[site].counters;
	return c->share_bytes >= c->resident_bytes ? c->share_bytes : 0;
}

static bool judge_pins(const struct work *work, struct ct_advice *advice)
{
	return judge_bytes(advice, (double)advice->counters.share_bytes, (double)work->profile->ledger.rss_bytes,
			   SHARE_MIN);
}

/* Only blocks that were allocated early can reach such an average lifetime. */
static uint64_t kept_of(const struct work *work, size_t site)
{
	const struct ct_counters *c = &work->profile->sites[site].counters;
	double average = ratio((double)c->lifetime, (double)c->total_blocks);
	return average >= (double)work->profile->end_time * KEPT_MIN ? c->peak_bytes : 0;
}

static uint64_t peak_of(const struct work *work, size_t site)
{
	return work->profile->sites[site].counters.peak_bytes;
}

static bool judge_peak(const struct work *work, struct ct_advice *advice)
{
	return judge_bytes(advice, (double)advice->counters.peak_bytes, (double)work->profile->totals.peak_bytes,
			   PEAK_SHARE_MIN) &&
	       advice->saved_bytes >= PEAK_BYTES_MIN && !is_told(work, advice, CT_ADVICE_GROWTH);
}

enum need { NEED_LIFETIMES, NEED_TEMPORARIES, NEED_DETAILS, NEED_SLACK, NEED_MOMENTS, NEED_REACH, NEED_MEMORY };

/* weight ranks the kinds: calls cost less than memory, and what is often fine as it is comes last. */
static const struct kind {
	uint64_t (*amount)(const struct work *work, size_t site);
	bool (*judge)(const struct work *work, struct ct_advice *advice);
	enum need need;
	double weight;
} kinds[CT_ADVICE_KINDS] = {
	[CT_ADVICE_TEMPORARY] = {temporary_of, judge_temporary, NEED_TEMPORARIES, 0.8},
	[CT_ADVICE_GROWTH] = {growth_of, judge_growth, NEED_TEMPORARIES, 1},
	[CT_ADVICE_ONE_SIZE] = {one_size_of, judge_one_size, NEED_DETAILS, 0.7},
	[CT_ADVICE_LOST] = {lost_of, judge_lost, NEED_REACH, 1},
	[CT_ADVICE_LEAK] = {leak_of, judge_leak, NEED_MOMENTS, 1},
	[CT_ADVICE_TINY] = {tiny_of, judge_tiny, NEED_LIFETIMES, 0.9},
	[CT_ADVICE_SLACK] = {slack_of, judge_slack, NEED_SLACK, 0.9},
	[CT_ADVICE_PINS] = {pins_of, judge_pins, NEED_MEMORY, 0.9},
	[CT_ADVICE_KEPT] = {kept_of, judge_peak, NEED_LIFETIMES, 0.15},
	[CT_ADVICE_PEAK] = {peak_of, judge_peak, NEED_LIFETIMES, 0.15},
};

static bool is_known(const struct work *work, enum need need)
{
	const struct ct_profile *profile = work->profile;
	switch (need) {
	case NEED_TEMPORARIES:
		return profile->has_temporaries;
	case NEED_DETAILS:
		return profile->has_details;
	case NEED_SLACK:
		return profile->has_slack;
	case NEED_MOMENTS:
		return work->findings->stays.judged && profile->has_lifetimes;
	case NEED_REACH:
		return profile->has_reach;
	case NEED_MEMORY:
		return profile->has_memory;
	default:
		return ct_metric_all_exist(profile);
	}
}

static void add_site(const struct work *work, struct ct_advice *advice, uint32_t site, uint64_t amount, uint64_t *most)
{
	const struct ct_counters *c = &work->profile->sites[site].counters;
	ct_counters_add(&advice->counters, c);
	advice->counters.max_blocks += c->max_blocks;
	advice->site_count++;
	if (amount <= *most)
		return;
	*most = amount;
	advice->site = site;
	advice->frame = work->where[site];
}

static bool look_for(struct work *work, enum ct_advice_kind kind)
{
	size_t count = work->profile->site_count;
	for (size_t i = 0, next; i < count; i = next) {
		struct ct_advice advice = {.kind = kind, .function = work->findings->function_of[work->order[i]]};
		uint64_t most = 0;
		for (next = i; next < count && work->keys[work->order[next]] == work->keys[work->order[i]]; next++) {
			uint64_t amount = kinds[kind].amount(work, work->order[next]);
			if (amount)
				add_site(work, &advice, work->order[next], amount, &most);
		}
		if (!advice.site_count || !kinds[kind].judge(work, &advice))
			continue;
		advice.rank = advice.share * kinds[kind].weight + (kind == CT_ADVICE_LOST);
		if (!ct_array_room(&work->findings->rows, &work->room, work->findings->count + 1, sizeof(advice)))
			return false;
		work->findings->rows[work->findings->count++] = advice;
	}
	return true;
}

static int compare_findings(const void *left, const void *right)
{
	const struct ct_advice *a = left, *b = right;
	if (a->rank != b->rank)
		return a->rank > b->rank ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return a->site < b->site ? -1 : a->site > b->site;
}

static bool look(struct work *work)
{
	find_growing(work);
	for (size_t i = 0; i < work->profile->site_count; i++)
		key_site(work, i);
	qsort_r(work->order, work->profile->site_count, sizeof(*work->order), compare_keys, work);
	number_functions(work);
	if (ct_stays_find(&work->findings->stays, work->profile, work->findings->function_of, work->function_count) < 0)
		return false;
	for (int i = 0; i < CT_ADVICE_KINDS; i++) {
		if (!is_known(work, kinds[i].need))
			work->findings->missing |= 1u << i;
		else if (!look_for(work, (enum ct_advice_kind)i))
			return false;
	}
	if (work->findings->count)
		qsort(work->findings->rows, work->findings->count, sizeof(*work->findings->rows), compare_findings);
	return true;
}

int ct_advise(const struct ct_profile *profile, struct ct_findings *findings, struct ct_error_text *error)
{
	size_t sites = profile->site_count + 1;
	struct work work = {.profile = profile, .findings = findings};
	*findings = (struct ct_findings){0};
	if (profile->mode != CT_MODE_HEAP)
		return ct_error_set(error, CT_ERR_USAGE, "not a heap profile: there is nothing to advise on");
	if (!ct_metric_exists(profile, CT_METRIC_TOTAL_BYTES) || !ct_metric_exists(profile, CT_METRIC_TOTAL_BLOCKS))
		return ct_error_set(
			error, CT_ERR_USAGE,
			"has only what was live: advice needs all allocations; recordings of ctrace have them");
	bool memory = ct_origins_init(&findings->origins, profile, CT_ORIGIN_RULE) == 0;
	work.growing = calloc(profile->frame_count + 1, sizeof(*work.growing));
	work.where = calloc(sites, sizeof(*work.where));
	work.keys = calloc(sites, sizeof(*work.keys));
	work.order = calloc(sites, sizeof(*work.order));
	findings->function_of = calloc(sites, sizeof(*findings->function_of));
	memory =
		memory && work.growing && work.where && work.keys && work.order && findings->function_of && look(&work);
	free(work.growing);
	free(work.where);
	free(work.keys);
	free(work.order);
	return memory ? CT_OK : ct_error_no_memory(error);
}

const struct ct_advice *ct_findings_leak(const struct ct_findings *findings, size_t site)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct ct_advice *advice = &findings->rows[i];
		if ((advice->kind == CT_ADVICE_LOST || advice->kind == CT_ADVICE_LEAK) &&
		    advice->function == findings->function_of[site])
			return advice;
	}
	return NULL;
}

const struct ct_stay *ct_findings_stay(const struct ct_findings *findings, size_t site)
{
	return findings->function_of ? ct_stays_of(&findings->stays, findings->function_of[site]) : NULL;
}

void ct_findings_fini(struct ct_findings *findings)
{
	ct_origins_fini(&findings->origins);
	ct_stays_fini(&findings->stays);
	free(findings->function_of);
	free(findings->rows);
	findings->function_of = NULL;
	findings->rows = NULL;
}
