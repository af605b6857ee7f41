/* SPDX-License-Identifier: MIT */
#include "model/profile.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->failed = true)
#include <uthash.h>

#include "model/metric.h"
#include "util/array.h"
#include "util/utf8.h"

struct interned_string {
	uint32_t id;
	bool failed;
	UT_hash_handle hh;
	char bytes[];
};

struct frame_key {
	uint32_t text;
	uint32_t inlined;
};

struct interned_frame {
	struct frame_key key;
	uint32_t id;
	bool failed;
	UT_hash_handle hh;
};

/*
 * A site's list of frames is its key, which only the profile holds: with a copy, and uthash's links, reports of many
 * sites took 1.4 times the memory. A table of slots, at most half of them in use.
 */
struct site_slot {
	uint32_t hash;
	uint32_t site; /* plus 1; 0: free */
};

#define SLOTS_MIN 256

struct ct_profile_index {
	struct interned_string *strings;
	struct interned_frame *frames;
	struct site_slot *sites;
	size_t slot_count; /* a power of 2, or 0 */
	size_t string_room, frame_room, site_room, frame_id_room;
};

const char *ct_mode_text(enum ct_profile_mode mode)
{
	static const char *const texts[] = {
		[CT_MODE_HEAP] = "heap",
		[CT_MODE_COPY] = "copy",
		[CT_MODE_AD_HOC] = "ad-hoc",
		[CT_MODE_MAPPINGS] = "mappings",
	};
	return texts[mode];
}

struct ct_profile *ct_profile_new(void)
{
	struct ct_profile *profile = calloc(1, sizeof(*profile));
	if (!profile)
		return NULL;
	profile->index = calloc(1, sizeof(*profile->index));
	struct ct_frame none = {0};
	if (!profile->index || ct_profile_string(profile, "", 0) != 0 ||
	    !ct_array_room(&profile->frames, &profile->index->frame_room, 1, sizeof(none)) ||
	    ct_profile_set_text(&profile->verb, "Allocated", 9) ||
	    ct_profile_set_text(&profile->byte_unit, "byte", 4) ||
	    ct_profile_set_text(&profile->bytes_unit, "bytes", 5) ||
	    ct_profile_set_text(&profile->blocks_unit, "blocks", 6) ||
	    ct_profile_set_text(&profile->time_unit, "", 0) || ct_profile_set_text(&profile->mega_time_unit, "", 0) ||
	    ct_profile_set_text(&profile->producer, "unknown", 7) || ct_profile_set_text(&profile->program, "", 0) ||
	    ct_profile_set_text(&profile->command, "", 0) || ct_profile_set_text(&profile->host, "", 0) ||
	    ct_profile_set_text(&profile->service, "", 0) || ct_profile_set_text(&profile->service_version, "", 0)) {
		ct_profile_free(profile);
		return NULL;
	}
	profile->frames[profile->frame_count++] = none;
	profile->ended = true;
	return profile;
}

static void free_index(struct ct_profile_index *index)
{
	struct interned_string *string, *next_string;
	struct interned_frame *frame, *next_frame;
	if (!index)
		return;
	HASH_ITER(hh, index->strings, string, next_string)
	{
		HASH_DEL(index->strings, string);
		free(string);
	}
	HASH_ITER(hh, index->frames, frame, next_frame)
	{
		HASH_DEL(index->frames, frame);
		free(frame);
	}
	free(index->sites);
	free(index);
}

void ct_profile_free(struct ct_profile *profile)
{
	if (!profile)
		return;
	free_index(profile->index);
	free(profile->verb);
	free(profile->byte_unit);
	free(profile->bytes_unit);
	free(profile->blocks_unit);
	free(profile->time_unit);
	free(profile->mega_time_unit);
	free(profile->producer);
	free(profile->program);
	free(profile->command);
	free(profile->host);
	free(profile->service);
	free(profile->service_version);
	free(profile->sites);
	free(profile->frame_ids);
	free(profile->frames);
	free(profile->strings);
	free(profile->bucket_blocks);
	free(profile->site_threads);
	free(profile->modules);
	free(profile->timeline);
	for (size_t i = 0; i < profile->snapshot_count; i++)
		free(profile->snapshots[i].rows);
	free(profile->snapshots);
	for (size_t i = 0; i < profile->mark_count; i++)
		free(profile->marks[i].name);
	free(profile->marks);
	free(profile);
}

#define SWAP(a, b)                                                                                                     \
	do {                                                                                                           \
		__typeof__(a) kept = (a);                                                                              \
		(a) = (b);                                                                                             \
		(b) = kept;                                                                                            \
	} while (0)

struct ct_profile *ct_profile_take_sites(struct ct_profile *profile)
{
	struct ct_profile *taken = ct_profile_new();
	if (!taken)
		return NULL;
	SWAP(profile->totals, taken->totals);
	SWAP(profile->sites, taken->sites);
	SWAP(profile->site_count, taken->site_count);
	SWAP(profile->bucket_blocks, taken->bucket_blocks);
	SWAP(profile->bucket_count, taken->bucket_count);
	SWAP(profile->bucket_room, taken->bucket_room);
	SWAP(profile->frame_ids, taken->frame_ids);
	SWAP(profile->frame_id_count, taken->frame_id_count);
	SWAP(profile->frames, taken->frames);
	SWAP(profile->frame_count, taken->frame_count);
	SWAP(profile->strings, taken->strings);
	SWAP(profile->string_count, taken->string_count);
	SWAP(profile->modules, taken->modules);
	SWAP(profile->module_count, taken->module_count);
	SWAP(profile->snapshots, taken->snapshots);
	SWAP(profile->snapshot_count, taken->snapshot_count);
	SWAP(profile->has_threads, taken->has_threads);
	SWAP(profile->has_tags, taken->has_tags);
	SWAP(profile->latest_site, taken->latest_site);
	taken->tick_fs = profile->tick_fs;
	taken->end_time = profile->end_time;
	taken->has_details = profile->has_details;
	SWAP(profile->index, taken->index);
	return taken;
}

int ct_profile_set_text(char **member, const char *bytes, size_t length)
{
	char *copy = ct_utf8_clean(bytes, length, NULL);
	if (!copy)
		return -1;
	free(*member);
	*member = copy;
	return 0;
}

int ct_profile_mark(struct ct_profile *profile, size_t *room, const struct ct_profile_mark *mark, size_t name_bytes)
{
	char *name = ct_utf8_clean(mark->name, name_bytes, NULL);
	if (!name || !ct_array_room(&profile->marks, room, profile->mark_count + 1, sizeof(*mark))) {
		free(name);
		return -1;
	}
	profile->marks[profile->mark_count] = *mark;
	profile->marks[profile->mark_count++].name = name;
	return 0;
}

static int64_t intern_clean(struct ct_profile *profile, const char *clean, size_t length)
{
	struct ct_profile_index *index = profile->index;
	struct interned_string *found;
	HASH_FIND(hh, index->strings, clean, length, found);
	if (found)
		return found->id;
	found = malloc(sizeof(*found) + length + 1);
	if (!found)
		return -1;
	if (!ct_array_room(&profile->strings, &index->string_room, profile->string_count + 1,
			   sizeof(*profile->strings))) {
		free(found);
		return -1;
	}
	found->id = (uint32_t)profile->string_count;
	found->failed = false;
	memcpy(found->bytes, clean, length);
	found->bytes[length] = '\0';
	HASH_ADD_KEYPTR(hh, index->strings, found->bytes, length, found);
	if (found->failed) {
		free(found);
		return -1;
	}
	profile->strings[profile->string_count++] = found->bytes;
	return found->id;
}

int64_t ct_profile_string(struct ct_profile *profile, const char *bytes, size_t length)
{
	if (ct_utf8_is_clean(bytes, length))
		return intern_clean(profile, bytes, length);
	size_t clean_length;
	char *clean = ct_utf8_clean(bytes, length, &clean_length);
	if (!clean)
		return -1;
	int64_t id = intern_clean(profile, clean, clean_length);
	free(clean);
	return id;
}

int64_t ct_profile_frame(struct ct_profile *profile, const struct ct_frame *frame)
{
	struct ct_profile_index *index = profile->index;
	struct frame_key key = {frame->text, frame->inlined};
	struct interned_frame *found;
	HASH_FIND(hh, index->frames, &key, sizeof(key), found);
	if (found)
		return found->id;
	found = calloc(1, sizeof(*found));
	if (!found)
		return -1;
	if (!ct_array_room(&profile->frames, &index->frame_room, profile->frame_count + 1, sizeof(*frame))) {
		free(found);
		return -1;
	}
	found->key = key;
	found->id = (uint32_t)profile->frame_count;
	HASH_ADD(hh, index->frames, key, sizeof(found->key), found);
	if (found->failed) {
		free(found);
		return -1;
	}
	profile->frames[profile->frame_count++] = *frame;
	if (!frame->module && !strncmp(profile->strings[frame->text], "[thread ", 8))
		profile->has_threads = true;
	if (!frame->module && !strncmp(profile->strings[frame->text], "[tag ", 5))
		profile->has_tags = true;
	return found->id;
}

/* The SUM column of metrics.def. Without blocks, there is no smallest one. */
#define SUM_ADD(member) sum->member += counters->member;
#define SUM_MAXIMUM(member)
#define SUM_SMALLEST(member)                                                                                           \
	if (counters->total_blocks && (first || counters->member < sum->member))                                       \
		sum->member = counters->member;
#define SUM_LARGEST(member)                                                                                            \
	if (counters->member > sum->member)                                                                            \
		sum->member = counters->member;

void ct_counters_add(struct ct_counters *sum, const struct ct_counters *counters)
{
	bool first = !sum->total_blocks;
#define CT_METRIC(metric, member, type, name, alias, json, dhat, need, unit, way) SUM_##way(member)
#include "model/metrics.def"
#undef CT_METRIC
}

uint32_t ct_profile_longest_stack(const struct ct_profile *profile)
{
	uint32_t longest = 1;
	for (size_t i = 0; i < profile->site_count; i++)
		if (profile->sites[i].frame_count > longest)
			longest = profile->sites[i].frame_count;
	return longest;
}

bool ct_profile_has_live_blocks(const struct ct_profile *profile)
{
	return !profile->foreign || ct_metric_exists(profile, CT_METRIC_END_BLOCKS);
}

bool ct_profile_has_rss(const struct ct_profile *profile)
{
	for (size_t i = 0; i < profile->timeline_count; i++)
		if (profile->timeline[i].rss_bytes)
			return true;
	return false;
}

static uint32_t hash_stack(const uint32_t *frame_ids, uint32_t count)
{
	uint64_t hash = count;
	for (uint32_t i = 0; i < count; i++) {
		hash = (hash ^ frame_ids[i]) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return (uint32_t)hash;
}

/* The slot of this stack, or the free one where it belongs. */
static struct site_slot *find_slot(const struct ct_profile *profile, const uint32_t *frame_ids, uint32_t count,
				   uint32_t hash)
{
	const struct ct_profile_index *index = profile->index;
	for (size_t at = hash;; at++) {
		struct site_slot *slot = &index->sites[at & (index->slot_count - 1)];
		if (!slot->site)
			return slot;
		const struct ct_site_row *site = &profile->sites[slot->site - 1];
		if (slot->hash == hash && site->frame_count == count &&
		    !memcmp(profile->frame_ids + site->first_frame, frame_ids, count * sizeof(*frame_ids)))
			return slot;
	}
}

/* Make room for one more site. */
static bool grow_slots(struct ct_profile *profile)
{
	struct ct_profile_index *index = profile->index;
	size_t count = index->slot_count ? index->slot_count * 2 : SLOTS_MIN;
	if (profile->site_count < index->slot_count / 2)
		return true;
	struct site_slot *slots = calloc(count, sizeof(*slots));
	if (!slots)
		return false;
	for (size_t i = 0; i < index->slot_count; i++) {
		size_t at = index->sites[i].hash;
		while (index->sites[i].site && slots[at & (count - 1)].site)
			at++;
		if (index->sites[i].site)
			slots[at & (count - 1)] = index->sites[i];
	}
	free(index->sites);
	index->sites = slots;
	index->slot_count = count;
	return true;
}

static bool append_site(struct ct_profile *profile, const uint32_t *frame_ids, uint32_t count)
{
	struct ct_profile_index *index = profile->index;
	if (profile->frame_id_count + count > UINT32_MAX || /* the limit of ct_site_row.first_frame */
	    profile->site_count >= UINT32_MAX ||
	    !ct_array_room(&profile->sites, &index->site_room, profile->site_count + 1, sizeof(*profile->sites)) ||
	    !ct_array_room(&profile->frame_ids, &index->frame_id_room, profile->frame_id_count + count,
			   sizeof(*frame_ids)))
		return false;
	profile->sites[profile->site_count++] = (struct ct_site_row){
		.first_frame = (uint32_t)profile->frame_id_count,
		.frame_count = count,
	};
	memcpy(profile->frame_ids + profile->frame_id_count, frame_ids, count * sizeof(*frame_ids));
	profile->frame_id_count += count;
	return true;
}

int ct_profile_site(struct ct_profile *profile, const uint32_t *frame_ids, uint32_t count,
		    const struct ct_counters *counters, bool truncated)
{
	if (!grow_slots(profile))
		return -1;
	uint32_t hash = hash_stack(frame_ids, count);
	struct site_slot *slot = find_slot(profile, frame_ids, count, hash);
	if (slot->site)
		profile->losses.merged_sites++;
	else if (!append_site(profile, frame_ids, count))
		return -1;
	else
		*slot = (struct site_slot){hash, (uint32_t)profile->site_count};
	profile->latest_site = slot->site - 1;
	struct ct_site_row *site = &profile->sites[profile->latest_site];
	site->truncated = site->truncated || truncated;
	ct_profile_site_add(profile, profile->latest_site, counters);
	return 0;
}

void ct_profile_site_add(struct ct_profile *profile, size_t index, const struct ct_counters *counters)
{
	struct ct_site_row *site = &profile->sites[index];
	ct_counters_add(&site->counters, counters);
	site->counters.max_bytes += counters->max_bytes;
	site->counters.max_blocks += counters->max_blocks;
	ct_counters_add(&profile->totals, counters);
	/* Sites reach their maxima at different times; the process's own maximum is its peak. */
	profile->totals.max_bytes = profile->totals.peak_bytes;
	profile->totals.max_blocks = profile->totals.peak_blocks;
}

void ct_profile_clear_counters(struct ct_profile *profile)
{
	for (size_t i = 0; i < profile->site_count; i++) {
		memset(&profile->sites[i].counters, 0, sizeof(profile->sites[i].counters));
		memset(profile->sites[i].buckets, 0, sizeof(profile->sites[i].buckets));
	}
	profile->bucket_count = 0;
	memset(&profile->totals, 0, sizeof(profile->totals));
}
