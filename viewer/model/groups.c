/* SPDX-License-Identifier: MIT */
#include "model/groups.h"

#include <stdlib.h>
#include <string.h>

#include "model/metric.h"
#include "model/threads.h"
#include "names/names.h"

static const char *const names[CT_BY_COUNT + 1] = {"site", "function", "file", "line", "module", "thread", "tag", NULL};

/* Frames with equal keys belong to one group. */
struct key {
	uint32_t frame;
	uint32_t what;
	uint32_t line;
};

const char *ct_group_by_name(enum ct_group_by by)
{
	return names[by];
}

bool ct_group_by_label(enum ct_group_by by)
{
	return by == CT_BY_THREAD || by == CT_BY_TAG;
}

static struct key key_of(const struct ct_profile *profile, uint32_t id, enum ct_group_by by)
{
	const struct ct_frame *frame = &profile->frames[id];
	struct key key = {.frame = id};
	switch (by) {
	case CT_BY_FILE:
		key.what = frame->file ? frame->file : (uint32_t)profile->string_count + frame->module;
		break;
	case CT_BY_LINE: /* if the line is unknown: the function */
		key.what = frame->file && frame->line ? frame->file : ct_name_key(frame);
		key.line = frame->file ? frame->line : 0;
		break;
	case CT_BY_MODULE:
		key.what = frame->module;
		break;
	case CT_BY_THREAD:
		key.what = ct_thread_label(profile, frame) ? frame->text : 0;
		break;
	case CT_BY_TAG:
		key.what = ct_tag_label(profile, frame) ? frame->text : 0;
		break;
	default:
		key.what = ct_name_key(frame);
	}
	return key;
}

static int compare(const void *left, const void *right)
{
	const struct key *a = left, *b = right;
	if (a->what != b->what)
		return a->what < b->what ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->frame < b->frame ? -1 : a->frame > b->frame;
}

int ct_groups_init(struct ct_groups *groups, const struct ct_profile *profile, enum ct_group_by by,
		   struct ct_error_text *error)
{
	size_t count = profile->frame_count - 1;
	struct key *keys = calloc(count + 1, sizeof(*keys));
	*groups = (struct ct_groups){
		.rows = calloc(count + 1, sizeof(*groups->rows)),
		.of_frame = calloc(count + 1, sizeof(*groups->of_frame)),
	};
	if (ct_origins_init(&groups->origins, profile, CT_ORIGIN_RULE) || !keys || !groups->rows || !groups->of_frame) {
		free(keys);
		return ct_error_no_memory(error);
	}
	for (size_t i = 0; i < count; i++)
		keys[i] = key_of(profile, (uint32_t)i + 1, by);
	qsort(keys, count, sizeof(*keys), compare);
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || keys[i].what != keys[i - 1].what || keys[i].line != keys[i - 1].line)
			groups->rows[groups->count++] = (struct ct_group){
				.example = ct_group_by_label(by) && !keys[i].what ? 0 : keys[i].frame,
				.key = keys[i].what,
			};
		groups->of_frame[keys[i].frame] = (uint32_t)groups->count - 1;
	}
	free(keys);
	if (by == CT_BY_THREAD && !profile->has_threads)
		return ct_error_set(error, CT_ERR_USAGE, "it has no threads: record with --threads (CTRACE_THREADS=1)");
	if (by == CT_BY_TAG && !profile->has_tags)
		return ct_error_set(error, CT_ERR_USAGE,
				    "it has no tags: the program calls ctrace_tag_push, see ctrace(3)");
	return CT_OK;
}

/* The frame that a site counts for. */
static uint32_t leaf_of(const struct ct_groups *groups, const struct ct_profile *profile, enum ct_group_by by,
			const struct ct_site_row *site)
{
	uint32_t tag = site->frame_count - 1;
	if (by == CT_BY_TAG)
		ct_tag_of_site(profile, site, &tag);
	return ct_group_by_label(by) ? tag : ct_origin_leaf(profile, &groups->origins, site);
}

void ct_groups_count(struct ct_groups *groups, const struct ct_profile *profile, enum ct_group_by by,
		     const bool *left_out, bool with_allocators)
{
	for (uint32_t i = 0; i < profile->site_count; i++) {
		const struct ct_site_row *site = &profile->sites[i];
		if (left_out && left_out[i])
			continue;
		uint32_t leaf = leaf_of(groups, profile, by, site);
		uint32_t end = ct_group_by_label(by) ? leaf + 1 : site->frame_count;
		for (uint32_t j = with_allocators ? 0 : leaf; j < end; j++) {
			uint32_t frame = profile->frame_ids[site->first_frame + j];
			struct ct_group *group = &groups->rows[groups->of_frame[frame]];
			if (j == leaf)
				ct_counters_add(&group->self, &site->counters);
			if (group->seen == i + 1)
				continue;
			group->seen = i + 1;
			ct_counters_add(&group->cumulative, &site->counters);
		}
	}
}

void ct_groups_fini(struct ct_groups *groups)
{
	free(groups->rows);
	free(groups->of_frame);
	ct_origins_fini(&groups->origins);
}
