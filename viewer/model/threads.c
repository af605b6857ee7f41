/* SPDX-License-Identifier: MIT */
#include "model/threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/histogram.h"
#include "model/merge.h"
#include "util/hash.h"
#include "util/utf8.h"

static const char start[] = "[thread ";

const char *ct_thread_label(const struct ct_profile *profile, const struct ct_frame *frame)
{
	const char *text = ct_merge_text(profile->strings[frame->text]);
	return strncmp(text, start, sizeof(start) - 1) ? NULL : text;
}

uint32_t ct_thread_of_site(const struct ct_profile *profile, const struct ct_site_row *site)
{
	const struct ct_frame *root = &profile->frames[profile->frame_ids[site->first_frame + site->frame_count - 1]];
	return ct_thread_label(profile, root) ? root->text : 0;
}

static const char tag_start[] = "[tag ";

const char *ct_tag_label(const struct ct_profile *profile, const struct ct_frame *frame)
{
	const char *text = ct_merge_text(profile->strings[frame->text]);
	return frame->module || strncmp(text, tag_start, sizeof(tag_start) - 1) ? NULL : text;
}

uint32_t ct_tag_of_site(const struct ct_profile *profile, const struct ct_site_row *site, uint32_t *index)
{
	if (!profile->has_tags || !site->frame_count)
		return 0;
	*index = site->frame_count - 1;
	if (*index && ct_thread_of_site(profile, site))
		--*index;
	const struct ct_frame *frame = &profile->frames[profile->frame_ids[site->first_frame + *index]];
	return ct_tag_label(profile, frame) ? frame->text : 0;
}

uint32_t ct_labels_of_site(const struct ct_profile *profile, const struct ct_site_row *site, uint32_t *thread,
			   uint32_t *tag)
{
	uint32_t frames = site->frame_count, index;
	*thread = frames ? ct_thread_of_site(profile, site) : 0;
	frames -= *thread ? 1 : 0;
	*tag = frames > 1 ? ct_tag_of_site(profile, site, &index) : 0;
	return frames - (*tag ? 1 : 0);
}

char *ct_tag_text(const char *label, char out[CT_TAG_ROOM])
{
	label = ct_merge_text(label);
	snprintf(out, CT_TAG_ROOM, "%.*s", (int)ct_utf8_fit(label + sizeof(tag_start) - 1, CT_TAG_ROOM - 1),
		 label + sizeof(tag_start) - 1);
	size_t length = strlen(out);
	if (length && out[length - 1] == ']')
		out[length - 1] = '\0';
	return out;
}

char *ct_thread_text(const char *label, char out[CT_THREAD_ROOM])
{
	const char *text = strncmp(label, start, sizeof(start) - 1) ? label : label + sizeof(start) - 1;
	size_t length = ct_utf8_fit(text, CT_THREAD_ROOM - 1);
	if (length && text[length - 1] == ']' && !text[length])
		length--;
	memcpy(out, text, length);
	out[length] = '\0';
	return out;
}

struct work {
	const struct ct_profile *from;
	struct ct_profile *to;
	uint32_t *site_of; /* by site of from: site of to */
	uint32_t *labels; /* by site of from: string id, 0 = none */
	uint32_t *slots; /* a hash table of sites of to, + 1 */
	size_t mask;
};

static uint64_t hash_of(const uint32_t *frames, uint32_t count)
{
	uint64_t hash = CT_HASH_START;
	for (uint32_t i = 0; i < count; i++)
		hash = ct_hash_add(hash, frames[i]);
	return hash ^ hash >> 31;
}

/* Add a site without its label to the one with the same frames, or as a new one. */
static bool add(struct work *work, uint32_t index)
{
	const struct ct_site_row *site = &work->from->sites[index];
	const uint32_t *frames = work->from->frame_ids + site->first_frame;
	uint32_t count = site->frame_count;
	if (work->labels[index] && count > 1) /* a stack of nothing but the label keeps it */
		count--;
	size_t slot = hash_of(frames, count) & work->mask;
	for (; work->slots[slot]; slot = (slot + 1) & work->mask) {
		const struct ct_site_row *other = &work->to->sites[work->slots[slot] - 1];
		if (other->frame_count == count &&
		    !memcmp(work->from->frame_ids + other->first_frame, frames, count * sizeof(*frames)))
			break;
	}
	if (!work->slots[slot]) {
		work->to->sites[work->to->site_count++] =
			(struct ct_site_row){.first_frame = site->first_frame, .frame_count = count};
		work->slots[slot] = (uint32_t)work->to->site_count;
	}
	work->site_of[index] = work->slots[slot] - 1;
	struct ct_site_row *sum = &work->to->sites[work->site_of[index]];
	ct_counters_add(&sum->counters, &site->counters);
	sum->counters.max_bytes += site->counters.max_bytes;
	sum->counters.max_blocks += site->counters.max_blocks;
	sum->truncated |= site->truncated;
	return !work->to->has_histograms || !ct_histogram_copy(work->to, work->site_of[index], work->from, index);
}

static int compare_threads(const void *left, const void *right)
{
	const struct ct_site_thread *a = left, *b = right;
	if (a->site != b->site)
		return a->site < b->site ? -1 : 1;
	return a->label < b->label ? -1 : a->label > b->label;
}

static int compare_labels(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
	return a < b ? -1 : a > b;
}

/* Note on which threads each stack was, and how many there are. */
static void note_threads(struct work *work)
{
	struct ct_profile *to = work->to;
	for (size_t i = 0; i < work->from->site_count; i++)
		if (work->labels[i])
			to->site_threads[to->site_thread_count++] =
				(struct ct_site_thread){work->site_of[i], work->labels[i]};
	qsort(to->site_threads, to->site_thread_count, sizeof(*to->site_threads), compare_threads);
	for (size_t i = 0; i < to->site_thread_count; i++)
		to->sites[to->site_threads[i].site].counters.threads++;
	qsort(work->labels, work->from->site_count, sizeof(*work->labels), compare_labels);
	to->totals.threads = 0;
	for (size_t i = 0; i < work->from->site_count; i++)
		to->totals.threads += work->labels[i] && (!i || work->labels[i] != work->labels[i - 1]);
}

static bool copy_snapshots(struct work *work)
{
	const struct ct_profile *from = work->from;
	struct ct_profile *to = work->to;
	for (size_t i = 0; i < from->snapshot_count; i++) {
		struct ct_snapshot *copy = &to->snapshots[i];
		*copy = from->snapshots[i];
		copy->rows = calloc(copy->row_count + 1, sizeof(*copy->rows));
		if (!copy->rows)
			return false;
		to->snapshot_count++;
		for (size_t j = 0; j < copy->row_count; j++) {
			copy->rows[j] = from->snapshots[i].rows[j];
			copy->rows[j].site = work->site_of[copy->rows[j].site];
		}
	}
	return true;
}

static bool fold(struct work *work)
{
	const struct ct_profile *from = work->from;
	size_t room = 16, sites = from->site_count + 1;
	while (room < sites * 2)
		room *= 2;
	work->mask = room - 1;
	work->slots = calloc(room, sizeof(*work->slots));
	work->site_of = calloc(sites, sizeof(*work->site_of));
	work->labels = calloc(sites, sizeof(*work->labels));
	work->to->sites = calloc(sites, sizeof(*work->to->sites));
	work->to->site_threads = calloc(sites, sizeof(*work->to->site_threads));
	work->to->snapshots = calloc(from->snapshot_count + 1, sizeof(*work->to->snapshots));
	if (!work->slots || !work->site_of || !work->labels || !work->to->sites || !work->to->site_threads ||
	    !work->to->snapshots)
		return false;
	for (uint32_t i = 0; i < from->site_count; i++) {
		work->labels[i] = ct_thread_of_site(from, &from->sites[i]);
		if (!add(work, i))
			return false;
	}
	note_threads(work);
	return copy_snapshots(work);
}

int ct_threads_fold(const struct ct_profile *from, struct ct_profile *to, struct ct_error_text *error)
{
	struct work work = {.from = from, .to = to};
	*to = *from;
	to->sites = NULL;
	to->site_count = 0;
	to->bucket_blocks = NULL;
	to->bucket_count = to->bucket_room = 0;
	to->site_threads = NULL;
	to->site_thread_count = 0;
	to->snapshots = NULL;
	to->snapshot_count = 0;
	to->index = NULL;
	to->threads_folded = from->has_threads;
	bool memory = fold(&work);
	free(work.slots);
	free(work.site_of);
	free(work.labels);
	return memory ? CT_OK : ct_error_no_memory(error);
}

void ct_threads_fini(struct ct_profile *to)
{
	for (size_t i = 0; i < to->snapshot_count; i++)
		free(to->snapshots[i].rows);
	free(to->snapshots);
	free(to->sites);
	free(to->site_threads);
	free(to->bucket_blocks);
	*to = (struct ct_profile){0};
}
