/* SPDX-License-Identifier: MIT */
#include "model/leaks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/origin.h"
#include "names/names.h"
#include "names/number.h"
#include "util/array.h"

/* The rule that matches a frame, by frame id: its index + 1, or one of these. */
enum { UNKNOWN = 0, NONE = UINT32_MAX };

static int add_rule(struct ct_leaks *leaks, const char *line, const char *path, unsigned number,
		    struct ct_error_text *error)
{
	const char *pattern = line + 5;
	if (strncmp(line, "leak:", 5) || !*pattern)
		return ct_error_set(error, CT_ERR_USAGE, "%s:%u: '%s' is not leak:PATTERN", path, number, line);
	if (!ct_array_room(&leaks->rules, &leaks->rule_room, leaks->rule_count + 1, sizeof(*leaks->rules)))
		return ct_error_no_memory(error);
	leaks->rules[leaks->rule_count] = (struct ct_suppression){.pattern = strdup(pattern)};
	return leaks->rules[leaks->rule_count++].pattern ? CT_OK : ct_error_no_memory(error);
}

int ct_leaks_read_rules(struct ct_leaks *leaks, const char *path, struct ct_error_text *error)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	int code = CT_OK;
	if (!file)
		return ct_error_set(error, CT_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
	for (unsigned number = 1; !code && getline(&line, &room, file) >= 0; number++) {
		char *text = line + strspn(line, " \t");

		for (size_t length = strlen(text); length && strchr(" \t\r\n", text[length - 1]); length--)
			text[length - 1] = '\0';
		if (*text && *text != '#')
			code = add_rule(leaks, text, path, number, error);
	}
	if (!code && ferror(file))
		code = ct_error_set(error, CT_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
	free(line);
	fclose(file);
	return code;
}

/* Like LeakSanitizer: each part matches at its first occurrence, without backtracking. */
bool ct_leaks_match(const char *pattern, const char *text)
{
	bool at_begin = *pattern == '^', anything = false;
	if (!*text)
		return false;
	for (pattern += at_begin; *pattern;) {
		size_t length = strcspn(pattern, "*$");

		if (*pattern == '$')
			return !*text || anything;
		if (*pattern == '*') {
			pattern++;
			at_begin = false;
			anything = true;
			continue;
		}
		const char *found = memmem(text, strlen(text), pattern, length);
		if (!found || (at_begin && found != text))
			return false;
		text = found + length;
		pattern += length;
		at_begin = anything = false;
	}
	return true;
}

static uint32_t find_rule(const struct ct_leaks *leaks, const struct ct_profile *profile, const struct ct_frame *frame)
{
	for (uint32_t i = 0; i < leaks->rule_count; i++) {
		const char *pattern = leaks->rules[i].pattern;

		if (ct_leaks_match(pattern, profile->strings[frame->function]) ||
		    ct_leaks_match(pattern, profile->strings[frame->file]) ||
		    ct_leaks_match(pattern, profile->strings[frame->module]))
			return i + 1;
	}
	return NONE;
}

/* The first rule that drops the site, or NULL. */
static struct ct_suppression *rule_of(struct ct_leaks *leaks, const struct ct_profile *profile,
				      const struct ct_site_row *site, uint32_t *rule_of_frame)
{
	for (uint32_t i = 0; i < site->frame_count; i++) {
		uint32_t id = profile->frame_ids[site->first_frame + i];

		if (rule_of_frame[id] == UNKNOWN)
			rule_of_frame[id] = find_rule(leaks, profile, &profile->frames[id]);
		if (rule_of_frame[id] != NONE)
			return &leaks->rules[rule_of_frame[id] - 1];
	}
	return NULL;
}

static bool is_candidate(const struct ct_profile *profile, const struct ct_counters *counters)
{
	if (profile->has_reach)
		return counters->lost_blocks || counters->indirect_blocks || counters->possible_blocks;
	return counters->end_blocks;
}

bool ct_leaks_any(const struct ct_profile *profile)
{
	for (size_t i = 0; i < profile->site_count; i++)
		if (is_candidate(profile, &profile->sites[i].counters))
			return true;
	return false;
}

int ct_leaks_find(struct ct_leaks *leaks, const struct ct_profile *profile, uint8_t *classes,
		  struct ct_error_text *error)
{
	uint32_t *rule_of_frame = calloc(profile->frame_count + 1, sizeof(*rule_of_frame));
	if (!rule_of_frame)
		return ct_error_no_memory(error);
	leaks->sums = leaks->suppressed = (struct ct_counters){0};
	leaks->site_count = profile->site_count;
	for (size_t i = 0; i < leaks->rule_count; i++)
		leaks->rules[i].bytes = leaks->rules[i].blocks = 0;
	for (size_t i = 0; i < profile->site_count; i++) {
		const struct ct_counters *counters = &profile->sites[i].counters;
		bool candidate = is_candidate(profile, counters);
		struct ct_suppression *rule =
			candidate ? rule_of(leaks, profile, &profile->sites[i], rule_of_frame) : NULL;
		ct_counters_add(rule ? &leaks->suppressed : &leaks->sums, counters);
		classes[i] = rule ? CT_LEAK_SUPPRESSED : candidate ? CT_LEAK_CANDIDATE : CT_LEAK_NONE;
		if (rule) {
			rule->bytes += counters->end_bytes;
			rule->blocks += counters->end_blocks;
		}
	}
	free(rule_of_frame);
	return CT_OK;
}

/* Keep the candidates, without gaps. */
static void keep_candidates(struct ct_profile *profile, const uint8_t *classes)
{
	size_t kept = 0, threads = 0, thread = 0;
	for (size_t i = 0; i < profile->site_count; i++) {
		for (; thread < profile->site_thread_count && profile->site_threads[thread].site == i; thread++) {
			if (classes[i] != CT_LEAK_CANDIDATE)
				continue;
			profile->site_threads[threads] = profile->site_threads[thread];
			profile->site_threads[threads++].site = (uint32_t)kept;
		}
		if (classes[i] == CT_LEAK_CANDIDATE)
			profile->sites[kept++] = profile->sites[i];
	}
	profile->site_thread_count = threads;
	profile->site_count = kept;
}

int ct_leaks_keep(struct ct_leaks *leaks, struct ct_profile *profile, struct ct_error_text *error)
{
	uint8_t *classes = calloc(profile->site_count + 1, sizeof(*classes));
	if (!classes)
		return ct_error_no_memory(error);
	int code = ct_leaks_find(leaks, profile, classes, error);
	if (!code)
		keep_candidates(profile, classes);
	for (size_t i = 0; i < profile->snapshot_count; i++) /* snapshots refer to sites by number */
		free(profile->snapshots[i].rows);
	profile->snapshot_count = 0;
	free(classes);
	return code;
}

/* Lost blocks of one place in the program's own code. */
struct lost {
	uint32_t frame;
	uint64_t bytes, blocks;
};

static int compare_places(const void *left, const void *right, void *argument)
{
	const struct ct_profile *profile = argument;
	const struct ct_frame *a = &profile->frames[((const struct lost *)left)->frame];
	const struct ct_frame *b = &profile->frames[((const struct lost *)right)->frame];
	uint32_t x = ct_name_key(a), y = ct_name_key(b);
	if (x != y)
		return x < y ? -1 : 1;
	return a->line < b->line ? -1 : a->line > b->line;
}

/* Find the places. Returns their number. */
static size_t find_lost(const struct ct_profile *profile, const struct ct_origins *origins, struct lost *rows)
{
	size_t count = 0, kept = 0;
	for (size_t i = 0; i < profile->site_count; i++) {
		const struct ct_site_row *site = &profile->sites[i];
		if (site->counters.lost_blocks)
			rows[count++] = (struct lost){
				profile->frame_ids[site->first_frame + ct_origin_own(profile, origins, site)],
				site->counters.lost_bytes, site->counters.lost_blocks};
	}
	qsort_r(rows, count, sizeof(*rows), compare_places, (void *)profile);
	for (size_t i = 0; i < count; i++) {
		if (!kept || compare_places(&rows[kept - 1], &rows[i], (void *)profile)) {
			rows[kept++] = rows[i];
			continue;
		}
		rows[kept - 1].bytes += rows[i].bytes;
		rows[kept - 1].blocks += rows[i].blocks;
	}
	return kept;
}

char *ct_leaks_summary(const struct ct_profile *profile, char out[CT_LEAKS_ROOM])
{
	char bytes[CT_NUMBER_ROOM], blocks[CT_NUMBER_ROOM], name[CT_NAME_ROOM], place[CT_NAME_ROOM];
	const struct ct_counters *totals = &profile->totals;
	struct ct_origins origins = {0};
	*out = '\0';
	if (!profile->has_reach || !totals->lost_blocks)
		return out;
	struct lost *rows = calloc(profile->site_count + 1, sizeof(*rows));
	if (rows && ct_origins_init(&origins, profile, CT_ORIGIN_RULE) == 0) {
		size_t count = find_lost(profile, &origins, rows), most = 0;
		for (size_t i = 1; i < count; i++)
			if (rows[i].bytes > rows[most].bytes)
				most = i;
		const struct ct_frame *frame = &profile->frames[rows[most].frame];
		ct_name_place(profile, frame, place);
		snprintf(out, CT_LEAKS_ROOM, "lost %s in %s block%s, most in %.200s%s%.200s",
			 ct_number_bytes(bytes, totals->lost_bytes), ct_number_exact(blocks, totals->lost_blocks),
			 totals->lost_blocks == 1 ? "" : "s", ct_name_short(profile, frame, name), *place ? " " : "",
			 place);
	}
	ct_origins_fini(&origins);
	free(rows);
	return out;
}

void ct_leaks_fini(struct ct_leaks *leaks)
{
	for (size_t i = 0; i < leaks->rule_count; i++)
		free(leaks->rules[i].pattern);
	free(leaks->rules);
}
