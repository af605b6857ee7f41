/* SPDX-License-Identifier: MIT */
#include "model/fold.h"

#include <stdlib.h>
#include <string.h>

#include "model/threads.h"
#include "util/hash.h"

struct work {
	const struct ct_profile *profile;
	const struct ct_origins *origins;
	uint32_t *places; /* by frame id: an id that frames of one line share; 0 = not own */
	uint32_t *owns; /* by site: index of the own frame */
	uint32_t *slots; /* a hash table of ids + 1 */
	size_t mask;
};

static uint64_t step(uint64_t hash, uint64_t word)
{
	hash = ct_hash_add(hash, word);
	return hash ^ hash >> 29;
}

static bool make_slots(struct work *work, size_t count)
{
	size_t room = 16;
	while (room < count * 2)
		room *= 2;
	free(work->slots);
	work->slots = calloc(room, sizeof(*work->slots));
	work->mask = room - 1;
	return work->slots != NULL;
}

/* Without a line, each call has an address of its own. Code without a name and labels of threads differ in the text. */
static bool is_one_place(const struct ct_frame *a, const struct ct_frame *b)
{
	return a->function == b->function && a->file == b->file && a->line == b->line &&
	       (a->line || a->address == b->address) && (a->function || a->text == b->text);
}

static uint64_t hash_place(const struct ct_frame *frame)
{
	uint64_t hash = step(step(step(CT_HASH_START, frame->function), frame->file), frame->line);
	return frame->line ? hash : step(hash, frame->address);
}

static bool find_places(struct work *work)
{
	const struct ct_profile *profile = work->profile;
	work->places = calloc(profile->frame_count + 1, sizeof(*work->places));
	if (!work->places || !make_slots(work, profile->frame_count))
		return false;
	for (uint32_t i = 1; i < profile->frame_count; i++) {
		const struct ct_frame *frame = &profile->frames[i];
		if (!ct_origin_is_own(work->origins, i))
			continue;
		size_t slot = hash_place(frame) & work->mask;
		while (work->slots[slot] && !is_one_place(frame, &profile->frames[work->slots[slot]]))
			slot = (slot + 1) & work->mask;
		if (!work->slots[slot])
			work->slots[slot] = i;
		work->places[i] = work->slots[slot];
	}
	return true;
}

/* A stack of libraries alone has its first named frame for a place. */
static uint32_t first_place(const struct work *work, const struct ct_site_row *row, uint32_t own)
{
	uint32_t frame = work->profile->frame_ids[row->first_frame + own];
	return work->places[frame] ? work->places[frame] : frame;
}

static uint64_t hash_site(const struct work *work, uint32_t site)
{
	const struct ct_site_row *row = &work->profile->sites[site];
	const uint32_t *frames = work->profile->frame_ids + row->first_frame;
	uint64_t hash = step(CT_HASH_START, first_place(work, row, work->owns[site]));
	for (uint32_t i = work->owns[site] + 1; i < row->frame_count; i++)
		if (work->places[frames[i]])
			hash = step(hash, work->places[frames[i]]);
	return hash;
}

/* The next place of a site behind *index, or 0 after the last. */
static uint32_t next_place(const struct work *work, const struct ct_site_row *row, uint32_t *index)
{
	while (++*index < row->frame_count) {
		uint32_t place = work->places[work->profile->frame_ids[row->first_frame + *index]];
		if (place)
			return place;
	}
	return 0;
}

static bool is_one_row(const struct work *work, uint32_t a, uint32_t b)
{
	const struct ct_site_row *row = &work->profile->sites[a], *other = &work->profile->sites[b];
	uint32_t index = work->owns[a], other_index = work->owns[b];
	uint32_t place = first_place(work, row, index), other_place = first_place(work, other, other_index);
	while (place && place == other_place) {
		place = next_place(work, row, &index);
		other_place = next_place(work, other, &other_index);
	}
	return place == other_place;
}

static void add(const struct work *work, struct ct_fold_row *row, uint32_t site)
{
	const struct ct_site_row *sites = work->profile->sites;
	const struct ct_counters *counters = &sites[site].counters;
	if (row->site_count && ct_origin_call(work->profile, work->origins, &sites[site]) !=
				       ct_origin_call(work->profile, work->origins, &sites[row->site]))
		row->many_calls = true;
	if (!row->site_count++ || counters->total_bytes > sites[row->site].counters.total_bytes) {
		row->site = site;
		row->counters = counters;
	}
}

static void add_to_sum(struct ct_counters *sum, const struct ct_counters *counters)
{
	ct_counters_add(sum, counters);
	sum->max_bytes += counters->max_bytes;
	sum->max_blocks += counters->max_blocks;
}

struct pair {
	uint32_t row, label;
};

static int compare_pairs(const void *left, const void *right)
{
	const struct pair *a = left, *b = right;
	if (a->row != b->row)
		return a->row < b->row ? -1 : 1;
	return a->label < b->label ? -1 : a->label > b->label;
}

/* Count the threads of each row, whether the profile's threads are folded or not. */
static bool count_threads(const struct ct_profile *profile, struct ct_fold *fold, const bool *left_out)
{
	size_t sites = profile->threads_folded ? profile->site_thread_count : profile->site_count, count = 0;
	if (!profile->has_threads)
		return true;
	struct pair *pairs = calloc(sites + 1, sizeof(*pairs));
	if (!pairs)
		return false;
	for (size_t i = 0; i < sites; i++) {
		uint32_t site = profile->threads_folded ? profile->site_threads[i].site : (uint32_t)i;
		uint32_t label = profile->threads_folded ? profile->site_threads[i].label
							 : ct_thread_of_site(profile, &profile->sites[i]);
		if (label && !(left_out && left_out[site]))
			pairs[count++] = (struct pair){fold->row_of[site], label};
	}
	if (count)
		qsort(pairs, count, sizeof(*pairs), compare_pairs);
	for (size_t i = 0; i < count; i++)
		fold->rows[pairs[i].row].thread_count += !i || compare_pairs(&pairs[i - 1], &pairs[i]);
	free(pairs);
	return true;
}

static bool sum_rows(const struct ct_profile *profile, struct ct_fold *fold, const bool *left_out)
{
	size_t count = 0;
	for (size_t i = 0; i < fold->count; i++)
		count += fold->rows[i].site_count > 1;
	fold->sums = calloc(count + 1, sizeof(*fold->sums));
	if (!fold->sums)
		return false;
	for (size_t i = 0, sum = 0; i < fold->count; i++)
		if (fold->rows[i].site_count > 1)
			fold->rows[i].counters = &fold->sums[sum++];
	for (size_t i = 0; i < profile->site_count; i++) {
		const struct ct_fold_row *row = &fold->rows[fold->row_of[i]];
		if (!(left_out && left_out[i]) && row->site_count > 1)
			add_to_sum(&fold->sums[row->counters - fold->sums], &profile->sites[i].counters);
	}
	if (!count_threads(profile, fold, left_out))
		return false;
	for (size_t i = 0; i < fold->count; i++)
		if (fold->rows[i].site_count > 1)
			fold->sums[fold->rows[i].counters - fold->sums].threads = fold->rows[i].thread_count;
	return true;
}

static bool find_rows(struct work *work, struct ct_fold *fold, bool apart, const bool *left_out)
{
	const struct ct_profile *profile = work->profile;
	if (!make_slots(work, profile->site_count))
		return false;
	for (uint32_t i = 0; i < profile->site_count; i++)
		work->owns[i] = ct_origin_own(profile, work->origins, &profile->sites[i]);
	for (uint32_t i = 0; i < profile->site_count; i++) {
		if (left_out && left_out[i])
			continue;
		size_t slot = apart ? 0 : hash_site(work, i) & work->mask;
		while (!apart && work->slots[slot] && !is_one_row(work, fold->rows[work->slots[slot] - 1].first, i))
			slot = (slot + 1) & work->mask;
		uint32_t row = apart || !work->slots[slot] ? (uint32_t)fold->count++ : work->slots[slot] - 1;
		work->slots[slot] = row + 1;
		if (!fold->rows[row].site_count)
			fold->rows[row] = (struct ct_fold_row){.site = i, .first = i};
		add(work, &fold->rows[row], i);
		fold->row_of[i] = row;
	}
	return true;
}

int ct_fold_init(struct ct_fold *fold, const struct ct_profile *profile, const struct ct_origins *origins, bool apart,
		 const bool *left_out)
{
	struct work work = {.profile = profile, .origins = origins};
	size_t sites = profile->site_count + 1;
	*fold = (struct ct_fold){.rows = calloc(sites, sizeof(*fold->rows)),
				 .row_of = calloc(sites, sizeof(*fold->row_of))};
	work.owns = calloc(sites, sizeof(*work.owns));
	bool memory = fold->rows && fold->row_of && work.owns && find_places(&work) &&
		      find_rows(&work, fold, apart, left_out) && sum_rows(profile, fold, left_out);
	free(work.places);
	free(work.owns);
	free(work.slots);
	return memory ? 0 : -1;
}

void ct_fold_fini(struct ct_fold *fold)
{
	free(fold->rows);
	free(fold->row_of);
	free(fold->sums);
}
