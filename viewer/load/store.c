/* SPDX-License-Identifier: MIT */
/* A store becomes a profile: each distinct address is symbolised once, each site gets its frame list. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->failed = true)
#include <uthash.h>

#include "ctrace/fold.h"
#include "load/load.h"
#include "load/store_builder.h"
#include "load/store_parts.h"
#include "symbol/symbol.h"
#include "util/array.h"

#define FRAMES_PER_ADDRESS 64

struct place_key {
	uint64_t address;
	uint64_t module;
};

/* An address and its frames: `count` ids from `first` on in the builder's frame_ids. */
struct place {
	struct place_key key;
	size_t first;
	uint32_t count;
	bool failed;
	UT_hash_handle hh;
};

/* Sections of a store only grow: what was made of their elements is kept when it is read again. */
struct ct_store_builder {
	const struct ct_store_file *store; /* the one that is read now */
	struct ct_profile *profile;
	struct ct_symbols *symbols;
	struct ct_perf_map *perf_map;
	int *handles; /* by module */
	uint8_t *module_files; /* by module: enum ct_module_file */
	size_t handle_count, handle_room, module_file_room;
	uint32_t *site_of; /* by the store's site: the profile's, UINT32_MAX = none yet */
	size_t site_of_count, site_of_room;
	struct place *places;
	uint32_t *frame_ids;
	size_t frame_id_count, frame_id_room;
	uint32_t *stack;
	size_t stack_room;
	uint32_t *text_modules; /* by string id: the module of the frames with this text, 0 = none yet */
	size_t text_module_count, text_module_room;
};

static int64_t string_of(struct ct_store_builder *builder, const char *string)
{
	return string ? ct_profile_string(builder->profile, string, strlen(string)) : 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* A name that opens a file: spans are not terminated. NULL without memory. */
static char *module_path(const struct ct_store_file *store, uint32_t module)
{
	struct ct_span path = store->modules[module].path;
	return strndup(store->strings + path.offset, path.bytes);
}

static int open_module(struct ct_store_builder *builder, uint32_t module, const char *path)
{
	uint8_t *known = &builder->module_files[module];
	const struct ct_module *from = &builder->store->modules[module];
	if (*known == CT_MODULE_FILE_UNKNOWN) {
		builder->handles[module] =
			ct_symbols_open(builder->symbols, path, from->build_id, from->build_id_bytes);
		*known = builder->handles[module] >= 0 ? CT_MODULE_FILE_SAME
			 : strchr(path, '/')           ? CT_MODULE_FILE_OTHER
						       : CT_MODULE_FILE_NONE;
	}
	return builder->handles[module];
}

/* Take a text for a module's frames. 1 = it is this module's, 0 = another one has it, < 0 without memory. */
static int claim_text(struct ct_store_builder *builder, int64_t text, uint32_t module)
{
	size_t wanted = (size_t)text + 1;
	if (text < 0 ||
	    !ct_array_room(&builder->text_modules, &builder->text_module_room, wanted, sizeof(*builder->text_modules)))
		return -1;
	while (builder->text_module_count < wanted)
		builder->text_modules[builder->text_module_count++] = 0;
	if (!builder->text_modules[text])
		builder->text_modules[text] = module + 1;
	return builder->text_modules[text] == module + 1;
}

/* The same text from two modules must not make two stacks one. */
static int64_t own_text(struct ct_store_builder *builder, char *text, size_t room, uint32_t module, const char *path)
{
	size_t length = strlen(text);
	int64_t id = string_of(builder, text);
	int owner = claim_text(builder, id, module);
	if (!owner) {
		snprintf(text + length, room - length, " [%s]", base_name(path));
		id = string_of(builder, text);
		owner = claim_text(builder, id, module);
	}
	if (!owner) { /* of the same name, too: another folder, another build */
		snprintf(text + length, room - length, " [%s, module %" PRIu32 "]", base_name(path), module);
		id = string_of(builder, text);
	}
	return owner < 0 ? -1 : id;
}

/* One frame with Valgrind's text. */
static int64_t add_frame(struct ct_store_builder *builder, uint32_t module, uint64_t address, const char *path,
			 const struct ct_symbol_frame *symbol, bool inlined)
{
	size_t room = 160 + (symbol->function ? strlen(symbol->function) : 0) + 2 * strlen(path) +
		      (symbol->file ? strlen(symbol->file) : 0);
	char *text = malloc(room);
	if (!text)
		return -1;
	const char *function = symbol->function ? symbol->function : "???";
	if (symbol->file)
		snprintf(text, room, "0x%" PRIX64 ": %s (%s:%" PRIu32 ")", address, function, base_name(symbol->file),
			 symbol->line);
	else
		snprintf(text, room, "0x%" PRIX64 ": %s (in %s)", address, function, *path ? path : "???");

	int64_t text_id = own_text(builder, text, room, module, path);
	int64_t function_id = string_of(builder, symbol->function);
	int64_t file_id = string_of(builder, symbol->file);
	int64_t module_id = string_of(builder, path);
	free(text);
	if (text_id < 0 || function_id < 0 || file_id < 0 || module_id < 0)
		return -1;
	return ct_profile_frame(builder->profile, &(struct ct_frame){
							  .address = address,
							  .function = (uint32_t)function_id,
							  .file = (uint32_t)file_id,
							  .line = symbol->line,
							  .module = (uint32_t)module_id,
							  .text = (uint32_t)text_id,
							  .inlined = inlined,
						  });
}

static const char *mark_text(const struct ct_store_file *store, uint64_t mark, char *room, size_t bytes)
{
	switch (mark & CT_MARK) {
	case CT_MARK_CUT:
		return "[frames cut]";
	case CT_MARK_OTHER:
		return "[other sites]";
	case CT_MARK_THREAD:
		snprintf(room, bytes, "[thread %" PRIu32 " %.*s]", ct_thread_number(mark), (int)CT_THREAD_NAME_BYTES,
			 store->strings + ct_thread_name(mark));
		return room;
	default:
		return "[callers unknown]";
	}
}

static int64_t add_mark(struct ct_store_builder *builder, uint64_t mark)
{
	char room[64];
	const char *text = mark_text(builder->store, mark, room, sizeof(room));
	int64_t id = string_of(builder, text);
	if (id < 0)
		return -1;
	return ct_profile_frame(builder->profile, &(struct ct_frame){.text = (uint32_t)id, .function = (uint32_t)id});
}

static bool append(struct ct_store_builder *builder, int64_t frame)
{
	if (frame < 0 || !ct_array_room(&builder->frame_ids, &builder->frame_id_room, builder->frame_id_count + 1,
					sizeof(*builder->frame_ids)))
		return false;
	builder->frame_ids[builder->frame_id_count++] = (uint32_t)frame;
	return true;
}

static bool add_code_frames(struct ct_store_builder *builder, uint32_t module, uint64_t address)
{
	struct ct_symbol_frame symbols[FRAMES_PER_ADDRESS] = {{0}};
	if (module == CT_MODULE_NONE) {
		symbols[0].function = ct_perf_map_lookup(builder->perf_map, address);
		const char *place = symbols[0].function ? "[jit]" : "";
		return append(builder, add_frame(builder, module, address, place, &symbols[0], false));
	}
	char *path = module_path(builder->store, module);
	if (!path)
		return false;
	int handle = open_module(builder, module, path);
	size_t count = ct_symbols_lookup(builder->symbols, handle, address, symbols, FRAMES_PER_ADDRESS);
	if (!count)
		count = 1;
	bool ok = true;
	for (size_t i = 0; i < count && ok; i++)
		ok = append(builder, add_frame(builder, module, address, path, &symbols[i], i + 1 < count));
	free(path);
	return ok;
}

/* The frames of a node's code, symbolised when it is met first. NULL without memory. */
static const struct place *place_of(struct ct_store_builder *builder, const struct ct_node *node)
{
	struct place_key key = {node->address, node->module};
	struct place *found;
	HASH_FIND(hh, builder->places, &key, sizeof(key), found);
	if (found)
		return found;
	found = calloc(1, sizeof(*found));
	if (!found)
		return NULL;
	found->key = key;
	found->first = builder->frame_id_count;
	bool ok = node->module == CT_MODULE_MARK ? append(builder, add_mark(builder, node->address))
						 : add_code_frames(builder, node->module, node->address);
	found->count = (uint32_t)(builder->frame_id_count - found->first);
	if (ok)
		HASH_ADD(hh, builder->places, key, sizeof(found->key), found);
	if (!ok || found->failed) {
		free(found);
		return NULL;
	}
	return found;
}

/* Round so that a site's sums never break the rules that hold exactly: lifetime <= blocks * end. */
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

static struct ct_counters counters_of(const struct ct_store_file *store, const struct ct_site *site, uint64_t end_us)
{
	const struct ct_totals *totals = &store->header->totals;
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
		.smallest_bytes = site->smallest_bytes,
		.largest_bytes = site->largest_bytes,
		.first_time = ct_store_file_us(store, site->first_ticks),
		.latest_time = ct_store_file_us(store, site->latest_ticks),
	};
}

static bool is_mark(const struct ct_node *node, enum ct_mark mark)
{
	return node->module == CT_MODULE_MARK && (node->address & CT_MARK) == mark;
}

static int add_site(struct ct_store_builder *builder, const struct ct_site *site)
{
	const struct ct_store_file *store = builder->store;
	size_t count = 0;
	bool truncated = false;
	for (uint32_t node = site->node; node; node = store->nodes[node].parent) {
		const struct place *place = place_of(builder, &store->nodes[node]);
		if (!place || !ct_array_room(&builder->stack, &builder->stack_room, count + place->count,
					     sizeof(*builder->stack)))
			return -1;
		memcpy(builder->stack + count, builder->frame_ids + place->first,
		       place->count * sizeof(*builder->stack));
		count += place->count;
		if (!is_mark(&store->nodes[node], CT_MARK_OTHER) && !is_mark(&store->nodes[node], CT_MARK_THREAD))
			truncated = truncated || store->nodes[node].module == CT_MODULE_MARK;
	}
	struct ct_counters counters = counters_of(store, site, builder->profile->end_time);
	return ct_profile_site(builder->profile, builder->stack, (uint32_t)count, &counters, truncated);
}

/* The arguments on one line, separated by blanks. */
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
	profile->end_time = ct_store_file_us(store, store->end_ticks - header->start_ticks);
	if (!profile->end_time)
		profile->end_time = 1;
	profile->peak_time = ct_store_file_us(store, header->totals.peak_ticks - header->start_ticks);
	if (profile->peak_time > profile->end_time)
		profile->peak_time = profile->end_time;
	profile->short_lived = 10;
	profile->sample_bytes = header->sample_bytes;
	profile->own_bytes = header->own_bytes;
	profile->has_lifetimes = profile->has_temporaries = true;
	profile->has_details = !header->sample_bytes;
	profile->has_slack = profile->has_details && header->flags & CT_STORE_SLACK;
	profile->ended = header->state == CT_STATE_ENDED;
	profile->losses = (struct ct_losses){
		.dropped = header->losses[CT_LOSS_DROPPED],
		.early = header->losses[CT_LOSS_EARLY],
		.unknown_frees = header->losses[CT_LOSS_UNKNOWN_FREE],
		.truncated = header->losses[CT_LOSS_TRUNCATED],
		.unrooted = header->losses[CT_LOSS_UNROOTED],
		.late = header->losses[CT_LOSS_LATE],
	};
	return ct_profile_set_text(&profile->producer, "ctrace", 6) ||
	       ct_profile_set_text(&profile->time_unit, "µs", sizeof("µs") - 1) ||
	       ct_profile_set_text(&profile->mega_time_unit, "s", 1) || set_command(profile, store) ||
	       set_timeline(profile, store);
}

/* Elements that were not there last time have no file and no site yet. */
static bool make_room(struct ct_store_builder *builder)
{
	const struct ct_store_file *store = builder->store;
	if (!ct_array_room(&builder->handles, &builder->handle_room, store->module_count, sizeof(*builder->handles)) ||
	    !ct_array_room(&builder->module_files, &builder->module_file_room, store->module_count,
			   sizeof(*builder->module_files)) ||
	    !ct_array_room(&builder->site_of, &builder->site_of_room, store->site_count, sizeof(*builder->site_of)))
		return false;
	for (; builder->handle_count < store->module_count; builder->handle_count++) {
		builder->handles[builder->handle_count] = -1;
		builder->module_files[builder->handle_count] = CT_MODULE_FILE_UNKNOWN;
	}
	for (; builder->site_of_count < store->site_count; builder->site_of_count++)
		builder->site_of[builder->site_of_count] = UINT32_MAX;
	return true;
}

static int add_sites(struct ct_store_builder *builder)
{
	const struct ct_store_file *store = builder->store;
	uint64_t used = 0;
	for (size_t i = 1; i < store->site_count; i++) {
		const struct ct_site *site = &store->sites[i];
		if (!site->total_blocks)
			continue;
		used++;
		if (is_mark(&store->nodes[site->node], CT_MARK_OTHER))
			builder->profile->losses.other_sites += site->total_blocks;
		if (builder->site_of[i] != UINT32_MAX) {
			struct ct_counters counters = counters_of(store, site, builder->profile->end_time);
			ct_profile_site_add(builder->profile, builder->site_of[i], &counters);
			continue;
		}
		if (add_site(builder, site))
			return -1;
		builder->site_of[i] = (uint32_t)builder->profile->latest_site;
	}
	builder->profile->losses.merged_sites =
		used < builder->profile->site_count ? 0 : used - builder->profile->site_count;
	/* Folded with the events, so exact even where sites were merged. */
	builder->profile->totals.max_bytes = store->header->totals.peak_bytes;
	builder->profile->totals.max_blocks = store->header->totals.peak_blocks;
	return 0;
}

struct ct_store_builder *ct_store_builder_new(uint32_t pid)
{
	struct ct_store_builder *builder = calloc(1, sizeof(*builder));
	if (!builder)
		return NULL;
	builder->profile = ct_profile_new();
	builder->symbols = ct_symbols_new();
	builder->perf_map = ct_perf_map_open(pid);
	if (builder->profile && builder->symbols)
		return builder;
	ct_store_builder_free(builder);
	return NULL;
}

int ct_store_builder_update(struct ct_store_builder *builder, const struct ct_store_file *store,
			    struct ct_error_text *error)
{
	builder->store = store;
	ct_profile_clear_counters(builder->profile);
	if (describe(builder->profile, store) || !make_room(builder) || add_sites(builder))
		return ct_error_no_memory(error);
	return CT_OK;
}

struct ct_profile *ct_store_builder_profile(struct ct_store_builder *builder)
{
	return builder->profile;
}

void ct_store_builder_free(struct ct_store_builder *builder)
{
	struct place *place, *next;
	if (!builder)
		return;
	HASH_ITER(hh, builder->places, place, next)
	{
		HASH_DEL(builder->places, place);
		free(place);
	}
	ct_profile_free(builder->profile);
	ct_symbols_free(builder->symbols);
	ct_perf_map_free(builder->perf_map);
	free(builder->handles);
	free(builder->module_files);
	free(builder->site_of);
	free(builder->frame_ids);
	free(builder->stack);
	free(builder->text_modules);
	free(builder);
}

int ct_store_profile(const struct ct_store_file *store, struct ct_profile **profile, struct ct_error_text *error)
{
	struct ct_store_builder *builder = ct_store_builder_new(store->header->pid);
	int code = builder ? ct_store_builder_update(builder, store, error) : ct_error_no_memory(error);
	if (!code && ct_store_snapshots(store, builder->site_of, builder->profile) < 0)
		code = ct_error_no_memory(error);
	if (!code) {
		memcpy(store->module_files, builder->module_files, store->module_count);
		*profile = builder->profile;
		builder->profile = NULL;
	}
	ct_store_builder_free(builder);
	return code;
}

int ct_load_store(const char *path, struct ct_profile **profile, struct ct_error_text *error)
{
	struct ct_store_file store;
	int code = ct_store_file_open(path, &store, error);
	if (!code) {
		code = ct_store_profile(&store, profile, error);
		if (code)
			ct_error_context(error, code, "%s", path);
	}
	ct_store_file_close(&store);
	return code;
}
