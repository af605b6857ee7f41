/* SPDX-License-Identifier: MIT */
/* Turns a store into a profile: each site gets its list of frames and its counters. */
#include <stdlib.h>
#include <string.h>

#include "ctrace/fold.h"
#include "load/load.h"
#include "load/store/store_builder.h"
#include "load/store/store_frames.h"
#include "load/store/store_last_look.h"
#include "load/store/store_process.h"
#include "load/store/store_steps.h"
#include "model/histogram.h"
#include "model/losses.h"
#include "util/array.h"
#include "util/progress.h"

struct ct_store_builder {
	struct ct_store_frames frames;
	enum ct_profile_mode
		mode; /* of the profile: the heap, the program's ad-hoc events, its copies, or its mappings */
	uint32_t *site_of; /* by the store's site: the profile's site, UINT32_MAX = none yet */
	size_t site_of_count, site_of_room;
	uint32_t *stack;
	size_t stack_room;
};

/* Round, but keep a site's sums within the exact rule lifetime <= blocks * end. */
static uint64_t lifetime_us(const struct ct_store_file *store, const struct ct_site *site, uint64_t end_us)
{
	ct_tick_sum ticks = site->lifetime_ticks +
			    (ct_tick_sum)(site->live_blocks < 0 ? 0 : site->live_blocks) * store->end_ticks -
			    site->birth_ticks;
	long double us = (long double)ticks * store->us_per_tick + 0.5L;
	long double most = (long double)site->total_blocks * (long double)end_us;
	if (us > most)
		us = most;
	return us < 0x1p64L ? (uint64_t)us : UINT64_MAX;
}

static uint64_t since_start(const struct ct_store_file *store, uint64_t ticks)
{
	return ticks < store->start_ticks ? 0 : ct_store_file_us(store, ticks - store->start_ticks);
}

/* reach is the site's row, or NULL. */
static struct ct_counters counters_of(const struct ct_store_file *store, const struct ct_site *site,
				      const struct ct_reach_row *reach, uint64_t end_us)
{
	static const struct ct_reach_row none;
	if (!reach)
		reach = &none;
	const struct ct_totals *totals = ct_store_site_mode(store, site) == CT_MODE_MAPPINGS
						 ? &store->header->mappings.totals
						 : &store->header->totals;
	return (struct ct_counters){
		.total_bytes = site->total_bytes,
		.total_blocks = site->total_blocks,
		.lifetime = lifetime_us(store, site, end_us),
		.max_bytes = site->max_bytes,
		.max_blocks = site->max_blocks,
		.peak_bytes = ct_site_peak_bytes(site, totals),
		.peak_blocks = ct_site_peak_blocks(site, totals),
		.end_bytes = (uint64_t)site->live_bytes,
		.end_blocks = (uint64_t)site->live_blocks,
		.temporary_blocks = site->temporary_blocks,
		.resizes = site->resizes,
		.moves = site->moves,
		.copied_bytes = site->copied_bytes,
		.slack_bytes = site->slack_bytes,
		.lost_bytes = reach->bytes[CT_REACH_LOST],
		.lost_blocks = reach->blocks[CT_REACH_LOST],
		.indirect_bytes = reach->bytes[CT_REACH_INDIRECT],
		.indirect_blocks = reach->blocks[CT_REACH_INDIRECT],
		.possible_bytes = reach->bytes[CT_REACH_POSSIBLE],
		.possible_blocks = reach->blocks[CT_REACH_POSSIBLE],
		.reachable_bytes = reach->bytes[CT_REACH_REACHABLE],
		.reachable_blocks = reach->blocks[CT_REACH_REACHABLE],
		.smallest_bytes = site->smallest_bytes,
		.largest_bytes = site->largest_bytes,
		.first_time = since_start(store, site->first_ticks),
		.latest_time = since_start(store, site->latest_ticks),
	};
}

/* Add the histograms of a store's site to the profile's site. */
static int add_histograms(struct ct_profile *profile, size_t index, const struct ct_store_file *store,
			  const struct ct_site *site)
{
	const struct ct_histogram *histogram = &site->histogram;
	const uint64_t *lifetimes = &store->counters[histogram->base], *sizes = lifetimes + histogram->lifetimes;
	uint64_t freed_blocks = ct_site_freed_blocks(site);
	if (!profile->has_histograms)
		return 0;
	return ct_histogram_add(profile, index, CT_HISTOGRAM_LIFETIMES, histogram->lifetimes_low,
				histogram->base ? lifetimes : &freed_blocks, histogram->lifetimes) ||
	       ct_histogram_add(profile, index, CT_HISTOGRAM_SIZES, histogram->sizes_low,
				histogram->sizes > 1 ? sizes : &site->total_blocks, histogram->sizes);
}

static int add_site(struct ct_store_builder *builder, const struct ct_site *site, const struct ct_reach_row *reach)
{
	const struct ct_store_file *store = builder->frames.store;
	size_t count = 0;
	bool truncated = false;
	const struct ct_node *mark = &store->nodes[site->node];
	bool shown = !builder->mode || ct_is_pseudo(mark->module, mark->address, CT_PSEUDO_STACK);
	uint32_t leaf = shown ? site->node : mark->parent;
	for (uint32_t node = leaf; node; node = store->nodes[node].parent) {
		uint32_t added;
		const uint32_t *ids = ct_store_frames_of(&builder->frames, node, &added);
		if (!ids ||
		    !ct_array_room(&builder->stack, &builder->stack_room, count + added, sizeof(*builder->stack)))
			return -1;
		memcpy(builder->stack + count, ids, added * sizeof(*builder->stack));
		count += added;
		const struct ct_node *here = &store->nodes[node];
		if (!ct_is_pseudo(here->module, here->address, CT_PSEUDO_OTHER) &&
		    !ct_is_pseudo(here->module, here->address, CT_PSEUDO_THREAD) &&
		    !ct_is_pseudo(here->module, here->address, CT_PSEUDO_TAG) &&
		    !ct_is_pseudo(here->module, here->address, CT_PSEUDO_STACK) &&
		    !ct_is_pseudo(here->module, here->address, CT_PSEUDO_ALLOCATOR))
			truncated = truncated || here->module == CT_MODULE_PSEUDO;
	}
	struct ct_counters counters = counters_of(store, site, reach, builder->frames.profile->end_time);
	return ct_profile_site(builder->frames.profile, builder->stack, (uint32_t)count, &counters, truncated);
}

/* Put the arguments on one line, separated by spaces. */
static int set_command(struct ct_profile *profile, const struct ct_store_file *store)
{
	struct ct_span command = store->header->command.bytes ? store->header->command : store->header->exe;
	char *text = malloc(command.bytes + 1);
	if (!text)
		return -1;
	memcpy(text, store->strings + command.offset, command.bytes);
	size_t length = command.bytes;
	while (length && !text[length - 1])
		length--;
	for (size_t i = 0; i < length; i++)
		if (!text[i] || text[i] == '\n' || text[i] == '\t')
			text[i] = ' ';
	int failed = ct_profile_set_text(&profile->command, text, length);
	free(text);
	return failed;
}

static int set_timeline(struct ct_profile *profile, const struct ct_store_file *store)
{
	const struct ct_timeline *timeline = &store->header->timeline[store->header->timeline_half];
	uint32_t used = timeline->used;
	free(profile->timeline);
	profile->timeline = NULL;
	profile->timeline_count = 0;
	if (!used)
		return 0;
	profile->timeline = calloc(used, sizeof(*profile->timeline));
	if (!profile->timeline)
		return -1;
	profile->timeline_count = used;
	uint64_t rss_bytes = 0;
	for (uint32_t i = 0; i < used; i++) {
		const struct ct_timeline_bucket *bucket = &timeline->bucket[i];
		uint64_t end = ct_store_file_us(store, (uint64_t)(i + 1) << timeline->shift);
		if (bucket->rss_bytes)
			rss_bytes = bucket->rss_bytes;
		profile->timeline[i] = (struct ct_timeline_point){
			.time = end < profile->end_time ? end : profile->end_time,
			.max_bytes = bucket->max_bytes,
			.last_bytes = bucket->last_bytes,
			.last_blocks = bucket->last_blocks,
			.rss_bytes = rss_bytes,
		};
	}
	return 0;
}

static int describe(struct ct_profile *profile, const struct ct_store_file *store)
{
	const struct ct_store_header *header = store->header;
	profile->pid = header->pid;
	profile->end_time = since_start(store, store->end_ticks);
	if (!profile->end_time)
		profile->end_time = 1;
	profile->peak_time = since_start(store, header->totals.peak_ticks);
	if (profile->peak_time > profile->end_time)
		profile->peak_time = profile->end_time;
	profile->short_lived = 10;
	profile->sample_bytes = header->sample_bytes;
	profile->own_bytes = header->own_bytes;
	profile->has_lifetimes = profile->has_temporaries = true;
	profile->has_details = !header->sample_bytes;
	profile->has_slack = profile->has_details && header->flags & CT_STORE_SLACK;
	profile->has_reach = header->flags & CT_STORE_REACH;
	profile->has_memory = false; /* until a look at the process is put into it */
	profile->ledger = (struct ct_ledger){0};
	profile->has_histograms = store->counter_count > 0;
	profile->tick_fs = (uint64_t)(store->us_per_tick * 1e9L + 0.5L);
	profile->ended = header->state == CT_STATE_ENDED;
	profile->torn = store->failed;
	for (size_t i = 0; i < CT_LOSS_ROWS; i++)
		if (ct_loss_rows[i].loss < CT_LOSS_COUNT)
			*ct_loss_place(&profile->losses, i) = header->losses[ct_loss_rows[i].loss];
	profile->losses.bypassed = header->flags >> CT_STORE_BYPASSED_SHIFT;
	return ct_profile_set_text(&profile->producer, "ctrace", 6) ||
	       ct_profile_set_text(&profile->time_unit, "µs", sizeof("µs") - 1) ||
	       ct_profile_set_text(&profile->mega_time_unit, "s", 1) || set_command(profile, store) ||
	       set_timeline(profile, store) || ct_store_marks(store, profile);
}

/* Sites that are new since the last reading have no site in the profile yet. */
static bool make_room(struct ct_store_builder *builder)
{
	size_t count = builder->frames.store->site_count;
	if (!ct_array_room(&builder->site_of, &builder->site_of_room, count, sizeof(*builder->site_of)))
		return false;
	for (; builder->site_of_count < count; builder->site_of_count++)
		builder->site_of[builder->site_of_count] = UINT32_MAX;
	return true;
}

static int add_sites(struct ct_store_builder *builder)
{
	const struct ct_store_file *store = builder->frames.store;
	const struct ct_reach_row *reach = store->reach, *reach_end = reach + store->reach_rows;
	uint64_t used = 0;
	for (size_t i = 1; i < store->site_count; i++) {
		const struct ct_site *site = &store->sites[i];
		const struct ct_reach_row *row = reach < reach_end && reach->site == i ? reach++ : NULL;
		ct_progress_at(i, store->site_count);
		if (!site->total_blocks || ct_store_site_mode(store, site) != builder->mode)
			continue;
		used++;
		if (ct_is_pseudo(store->nodes[site->node].module, store->nodes[site->node].address, CT_PSEUDO_OTHER))
			builder->frames.profile->losses.other_sites += site->total_blocks;
		if (builder->site_of[i] != UINT32_MAX) {
			struct ct_counters counters = counters_of(store, site, row, builder->frames.profile->end_time);
			ct_profile_site_add(builder->frames.profile, builder->site_of[i], &counters);
		} else if (add_site(builder, site, row)) {
			return -1;
		} else {
			builder->site_of[i] = (uint32_t)builder->frames.profile->latest_site;
		}
		if (add_histograms(builder->frames.profile, builder->site_of[i], store, site))
			return -1;
	}
	builder->frames.profile->losses.merged_sites =
		used < builder->frames.profile->site_count ? 0 : used - builder->frames.profile->site_count;
	if (builder->mode != CT_MODE_HEAP)
		return ct_store_name_events(store, builder->mode, builder->frames.profile);
	/* The process's peak was folded from the events, so it is exact even if sites were merged. */
	builder->frames.profile->totals.max_bytes = store->header->totals.peak_bytes;
	builder->frames.profile->totals.max_blocks = store->header->totals.peak_blocks;
	return 0;
}

struct ct_store_builder *ct_store_builder_new(void)
{
	struct ct_store_builder *builder = calloc(1, sizeof(*builder));
	if (!builder)
		return NULL;
	if (!ct_store_frames_init(&builder->frames))
		return builder;
	ct_store_builder_free(builder);
	return NULL;
}

int ct_store_builder_update(struct ct_store_builder *builder, const struct ct_store_file *store,
			    struct ct_error_text *error)
{
	ct_profile_clear_counters(builder->frames.profile);
	if (describe(builder->frames.profile, store) || ct_store_frames_update(&builder->frames, store) ||
	    !make_room(builder) || add_sites(builder))
		return ct_error_no_memory(error);
	return builder->mode == CT_MODE_HEAP ? ct_store_last_look_put(store, builder, error) : CT_OK;
}

int ct_store_builder_complete(struct ct_store_builder *builder, const struct ct_store_file *store,
			      struct ct_error_text *error)
{
	struct ct_profile *profile = builder->frames.profile;
	for (size_t i = 0; i < profile->snapshot_count; i++)
		free(profile->snapshots[i].rows);
	free(profile->snapshots);
	free(profile->modules);
	profile->snapshots = NULL;
	profile->modules = NULL;
	profile->snapshot_count = profile->module_count = 0;
	if (ct_store_facts(store, profile) || ct_store_snapshots(store, builder->site_of, profile))
		return ct_error_no_memory(error);
	return CT_OK;
}

void ct_store_builder_rest(struct ct_store_builder *builder)
{
	ct_store_frames_rest(&builder->frames);
}

size_t ct_store_builder_sites(const struct ct_store_builder *builder)
{
	return builder->site_of_count;
}

struct ct_profile *ct_store_builder_profile(struct ct_store_builder *builder)
{
	return builder->frames.profile;
}

uint32_t ct_store_builder_site(const struct ct_store_builder *builder, size_t site)
{
	return site < builder->site_of_count ? builder->site_of[site] : UINT32_MAX;
}

void ct_store_builder_free(struct ct_store_builder *builder)
{
	if (!builder)
		return;
	ct_store_frames_fini(&builder->frames);
	free(builder->site_of);
	free(builder->stack);
	free(builder);
}

struct ct_profile *ct_store_builder_release(struct ct_store_builder *builder, const struct ct_store_file *store)
{
	struct ct_profile *profile = builder->frames.profile;
	memcpy(store->module_files, builder->frames.module_files, store->module_count);
	builder->frames.profile = NULL;
	ct_store_builder_free(builder);
	return profile;
}

struct ct_store_builder *ct_store_builder_new_of(enum ct_profile_mode mode)
{
	struct ct_store_builder *builder = ct_store_builder_new();
	if (builder)
		builder->mode = mode;
	return builder;
}

int ct_store_events(const struct ct_store_file *store, enum ct_profile_mode mode, struct ct_profile **profile,
		    struct ct_error_text *error)
{
	struct ct_store_builder *builder = ct_store_builder_new_of(mode);
	int code = builder ? ct_store_builder_update(builder, store, error) : ct_error_no_memory(error);
	if (!code && ct_store_snapshots(store, builder->site_of, builder->frames.profile) < 0)
		code = ct_error_no_memory(error);
	if (!code)
		*profile = ct_store_builder_release(builder, store);
	else
		ct_store_builder_free(builder);
	return code;
}

int ct_store_profile(const struct ct_store_file *store, struct ct_profile **profile, struct ct_error_text *error)
{
	return ct_store_events(store, CT_MODE_HEAP, profile, error);
}

int ct_load_store(const struct ct_input *input, struct ct_profile **profile, struct ct_error_text *error)
{
	struct ct_store_file store;
	int code = ct_store_file_read(input->fd, input->path, &store, error);
	if (!code) {
		code = ct_store_profile(&store, profile, error);
		if (code)
			ct_error_context(error, code, "%s", input->path);
	}
	ct_store_file_close(&store);
	return code;
}
