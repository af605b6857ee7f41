/* SPDX-License-Identifier: MIT */
#include "model/select.h"

#include <stdlib.h>
#include <string.h>

#include "model/histogram.h"
#include "names/names.h"
#include "util/array.h"

enum answer { ANSWER_UNKNOWN, ANSWER_NO, ANSWER_YES };

/* Answers are cached by name and by path, since many frames share them. */
struct matcher {
	const struct ct_patterns *patterns;
	unsigned char *names; /* by ct_name_key */
	unsigned char *paths; /* by string id */
	bool met;
};

struct selecting {
	struct ct_profile *to;
	const struct ct_profile *from;
	struct matcher matchers[CT_SELECT_KINDS];
	uint32_t *frame_of; /* by id in `from` * 2, + 1 if inlined: id in `to`, 0 = not copied yet */
	size_t *site_of; /* by index in `from`: index in `to` */
	uint32_t *stack; /* of the current site, root first */
	size_t stack_room;
};

#define NO_SITE SIZE_MAX

const char *ct_select_kind_name(enum ct_select_kind kind)
{
	static const char *const names[] = {"focus", "ignore", "hide"};
	return names[kind];
}

bool ct_selection_any(const struct ct_selection *selection)
{
	for (int i = 0; i < CT_SELECT_KINDS; i++)
		if (selection->patterns[i].count)
			return true;
	return ct_block_filter_any(&selection->blocks);
}

void ct_selection_fini(struct ct_selection *selection)
{
	for (int i = 0; i < CT_SELECT_KINDS; i++)
		ct_patterns_fini(&selection->patterns[i]);
}

static bool answer(const struct matcher *matcher, unsigned char *known, const char *text)
{
	if (*known == ANSWER_UNKNOWN)
		*known = ct_patterns_match(matcher->patterns, text) ? ANSWER_YES : ANSWER_NO;
	return *known == ANSWER_YES;
}

static bool matches_path(const struct matcher *matcher, const struct ct_profile *profile, uint32_t path)
{
	return path && answer(matcher, &matcher->paths[path], profile->strings[path]);
}

/* module: the frame's, or that of the frame it is inlined into. */
static bool matches(struct matcher *matcher, const struct ct_profile *profile, const struct ct_frame *frame,
		    uint32_t module)
{
	char name[CT_NAME_ROOM];
	if (!matcher->patterns->count)
		return false;
	unsigned char *known = &matcher->names[ct_name_key(frame)];
	bool yes = answer(matcher, known, *known ? "" : ct_name_short(profile, frame, name)) ||
		   matches_path(matcher, profile, frame->file) || matches_path(matcher, profile, module);
	matcher->met = matcher->met || yes;
	return yes;
}

static int64_t copy_string(const struct selecting *job, uint32_t id)
{
	const char *text = job->from->strings[id];
	return ct_profile_string(job->to, text, strlen(text));
}

static int64_t copy_frame(struct selecting *job, uint32_t id, bool inlined)
{
	uint32_t *known = &job->frame_of[(size_t)id * 2 + inlined];
	if (*known)
		return *known;
	struct ct_frame frame = job->from->frames[id];
	int64_t function = copy_string(job, frame.function), file = copy_string(job, frame.file);
	int64_t module = copy_string(job, frame.module), text = copy_string(job, frame.text);
	if (function < 0 || file < 0 || module < 0 || text < 0)
		return -1;
	frame.function = (uint32_t)function;
	frame.file = (uint32_t)file;
	frame.module = (uint32_t)module;
	frame.text = (uint32_t)text;
	frame.inlined = inlined;
	int64_t copy = ct_profile_frame(job->to, &frame);
	*known = copy > 0 ? (uint32_t)copy : 0;
	return copy;
}

static void reverse(uint32_t *stack, uint32_t count)
{
	for (uint32_t i = 0; i < count / 2; i++) {
		uint32_t kept = stack[i];
		stack[i] = stack[count - 1 - i];
		stack[count - 1 - i] = kept;
	}
}

/* What remains of a site's stack; *count 0: the site is dropped. */
static int choose_stack(struct selecting *job, const struct ct_site_row *site, uint32_t *count)
{
	const struct ct_profile *from = job->from;
	bool focused = !job->matchers[CT_SELECT_FOCUS].patterns->count, ignored = false;
	bool in_kept = false; /* the frame that an inlined one is inlined into was kept */
	uint32_t module = 0;
	*count = 0;
	if (!ct_array_room(&job->stack, &job->stack_room, site->frame_count, sizeof(*job->stack)))
		return -1;
	for (uint32_t i = site->frame_count; i-- > 0;) {
		uint32_t id = from->frame_ids[site->first_frame + i];
		const struct ct_frame *frame = &from->frames[id];
		if (!frame->inlined || i + 1 == site->frame_count) {
			module = frame->module;
			in_kept = false;
		}
		focused = matches(&job->matchers[CT_SELECT_FOCUS], from, frame, module) || focused;
		ignored = matches(&job->matchers[CT_SELECT_IGNORE], from, frame, module) || ignored;
		if (matches(&job->matchers[CT_SELECT_HIDE], from, frame, module))
			continue;
		job->stack[(*count)++] = id * 2 + (frame->inlined && in_kept);
		in_kept = true;
	}
	if (!focused || ignored)
		*count = 0;
	for (uint32_t i = 0; i < *count; i++) {
		int64_t copy = copy_frame(job, job->stack[i] / 2, job->stack[i] & 1);
		if (copy < 0)
			return -1;
		job->stack[i] = (uint32_t)copy;
	}
	reverse(job->stack, *count);
	return 0;
}

static int select_sites(struct selecting *job, struct ct_selected *selected)
{
	for (size_t i = 0; i < job->from->site_count; i++) {
		const struct ct_site_row *site = &job->from->sites[i];
		const struct ct_block_filter *blocks = &selected->selection->blocks;
		struct ct_counters counters = site->counters;
		uint32_t count;
		if (choose_stack(job, site, &count))
			return -1;
		job->site_of[i] = NO_SITE;
		if (count && job->to->has_matches)
			counters.matching_blocks = ct_block_filter_count(blocks, job->from, site, &selected->doubt);
		if (!count || (job->to->has_matches && !counters.matching_blocks)) {
			selected->dropped++;
			continue;
		}
		if (ct_profile_site(job->to, job->stack, count, &counters, site->truncated) ||
		    (job->to->has_histograms && ct_histogram_copy(job->to, job->to->latest_site, job->from, i)))
			return -1;
		job->site_of[i] = job->to->latest_site;
	}
	return 0;
}

static int copy_modules(struct selecting *job)
{
	const struct ct_profile *from = job->from;
	struct ct_profile *to = job->to;
	to->modules = calloc(from->module_count + 1, sizeof(*to->modules));
	if (!to->modules)
		return -1;
	for (size_t i = 0; i < from->module_count; i++) {
		int64_t path = copy_string(job, from->modules[i].path);
		int64_t build_id = copy_string(job, from->modules[i].build_id);
		if (path < 0 || build_id < 0)
			return -1;
		to->modules[i] = from->modules[i];
		to->modules[i].path = (uint32_t)path;
		to->modules[i].build_id = (uint32_t)build_id;
		to->module_count++;
	}
	return 0;
}

/* Only if no site was dropped: the part of a snapshot without rows cannot be split by site. */
static void move_snapshots(struct selecting *job, struct ct_profile *from)
{
	job->to->snapshots = from->snapshots;
	job->to->snapshot_count = from->snapshot_count;
	from->snapshots = NULL;
	from->snapshot_count = 0;
	for (size_t i = 0; i < job->to->snapshot_count; i++) {
		struct ct_snapshot *snapshot = &job->to->snapshots[i];
		for (size_t j = 0; j < snapshot->row_count; j++)
			snapshot->rows[j].site = (uint32_t)job->site_of[snapshot->rows[j].site];
	}
}

static int init(struct selecting *job, const struct ct_selection *selection)
{
	size_t strings = job->from->string_count, frames = job->from->frame_count;
	bool memory = true;
	for (int i = 0; i < CT_SELECT_KINDS; i++) {
		struct matcher *matcher = &job->matchers[i];
		*matcher = (struct matcher){
			.patterns = &selection->patterns[i], .names = calloc(strings, 2), .paths = calloc(strings, 1)};
		memory = memory && matcher->names && matcher->paths;
	}
	job->frame_of = calloc(frames, 2 * sizeof(*job->frame_of));
	job->site_of = calloc(job->from->site_count + 1, sizeof(*job->site_of));
	return memory && job->frame_of && job->site_of && frames <= UINT32_MAX / 2 ? 0 : -1;
}

static void fini(struct selecting *job)
{
	for (int i = 0; i < CT_SELECT_KINDS; i++) {
		free(job->matchers[i].names);
		free(job->matchers[i].paths);
	}
	free(job->frame_of);
	free(job->site_of);
	free(job->stack);
}

int ct_select(struct ct_profile *profile, const struct ct_selection *selection, struct ct_selected *selected,
	      struct ct_error_text *error)
{
	*selected = (struct ct_selected){
		.selection = selection, .totals = profile->totals, .site_count = profile->site_count};
	if (!ct_selection_any(selection))
		return CT_OK;
	profile->has_matches = ct_block_filter_any(&selection->blocks);
	if (profile->has_matches && !profile->has_histograms)
		return ct_error_set(error, CT_ERR_USAGE, "no histograms of sizes and lifetimes were recorded");
	struct ct_profile *from = ct_profile_take_sites(profile);
	if (!from)
		return ct_error_no_memory(error);
	struct selecting job = {.to = profile, .from = from};
	int failed = init(&job, selection) || select_sites(&job, selected) || copy_modules(&job);
	if (!failed && selected->dropped)
		profile->timeline_count = 0;
	else if (!failed)
		move_snapshots(&job, from);
	selected->totals.matching_blocks = profile->totals.matching_blocks;
	for (int i = 0; i < CT_SELECT_KINDS; i++)
		selected->met[i] = job.matchers[i].met;
	fini(&job);
	ct_profile_free(from);
	return failed ? ct_error_no_memory(error) : CT_OK;
}
