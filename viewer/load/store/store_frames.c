/* SPDX-License-Identifier: MIT */
#include "load/store/store_frames.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->failed = true)
#include <uthash.h>

#include "symbol/symbol.h"
#include "util/array.h"
#include "util/cut.h"

#define FRAMES_PER_ADDRESS 64

struct place_key {
	uint64_t address;
	uint64_t module;
};

/* An address and its frames: `count` ids in ct_store_frames.ids, starting at `first`. */
struct ct_store_place {
	struct place_key key;
	size_t first;
	uint32_t count;
	bool failed;
	UT_hash_handle hh;
};

static int64_t string_of(struct ct_store_frames *frames, const char *string)
{
	return string ? ct_profile_string(frames->profile, string, strlen(string)) : 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* The path as a terminated string, which a span is not; to be freed. NULL when out of memory. */
static char *module_path(const struct ct_store_file *store, uint32_t module)
{
	struct ct_span path = store->modules[module].path;
	return strndup(store->strings + path.offset, path.bytes);
}

int ct_store_module_open(const struct ct_store_file *store, size_t module, const char *path, struct ct_symbols *symbols)
{
	const struct ct_module *from = &store->modules[module];
	return ct_symbols_open_recorded(symbols, &(struct ct_symbol_file){
							 .path = path,
							 .build_id = from->build_id,
							 .build_id_bytes = from->build_id_bytes,
							 .bytes = from->file_bytes,
							 .modified_ns = from->modified_ns,
							 .inode = from->inode,
							 .start = from->start,
							 .pid = store->header->pid,
						 });
}

static int open_module(struct ct_store_frames *frames, uint32_t module, const char *path)
{
	uint8_t *known = &frames->module_files[module];
	if (*known == CT_MODULE_FILE_UNKNOWN) {
		frames->handles[module] = ct_store_module_open(frames->store, module, path, frames->symbols);
		*known = frames->handles[module] >= 0 ? CT_MODULE_FILE_SAME
			 : strchr(path, '/')          ? CT_MODULE_FILE_OTHER
						      : CT_MODULE_FILE_NONE;
	}
	return frames->handles[module];
}

/* Claim a text for a module's frames. 1: the module has it, 0: another module has it, < 0: out of memory. */
static int claim_text(struct ct_store_frames *frames, int64_t text, uint32_t module)
{
	size_t wanted = (size_t)text + 1;
	if (text < 0 ||
	    !ct_array_room(&frames->text_modules, &frames->text_module_room, wanted, sizeof(*frames->text_modules)))
		return -1;
	while (frames->text_module_count < wanted)
		frames->text_modules[frames->text_module_count++] = 0;
	if (!frames->text_modules[text])
		frames->text_modules[text] = module + 1;
	return frames->text_modules[text] == module + 1;
}

/* Equal texts of two modules must not merge two stacks into one. */
static int64_t own_text(struct ct_store_frames *frames, char *text, size_t room, uint32_t module, const char *path)
{
	size_t length = strlen(text);
	int64_t id = string_of(frames, text);
	int owner = claim_text(frames, id, module);
	if (!owner) {
		snprintf(text + length, room - length, " [%s]", base_name(path));
		id = string_of(frames, text);
		owner = claim_text(frames, id, module);
	}
	if (!owner) { /* the modules have the same name too: another folder, another build */
		snprintf(text + length, room - length, " [%s, module %" PRIu32 "]", base_name(path), module);
		id = string_of(frames, text);
	}
	return owner < 0 ? -1 : id;
}

/* Add one frame, with its text as Valgrind writes it. Its names are at most CT_CUT_NAME_MAX bytes. */
static int64_t add_short_frame(struct ct_store_frames *frames, uint32_t module, uint64_t address, const char *path,
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

	int64_t text_id = own_text(frames, text, room, module, path);
	int64_t function_id = string_of(frames, symbol->function);
	int64_t file_id = string_of(frames, symbol->file);
	int64_t module_id = string_of(frames, path);
	free(text);
	if (text_id < 0 || function_id < 0 || file_id < 0 || module_id < 0)
		return -1;
	return ct_profile_frame(frames->profile, &(struct ct_frame){
							 .address = address,
							 .function = (uint32_t)function_id,
							 .file = (uint32_t)file_id,
							 .line = symbol->line,
							 .module = (uint32_t)module_id,
							 .text = (uint32_t)text_id,
							 .inlined = inlined,
						 });
}

static int64_t add_frame(struct ct_store_frames *frames, uint32_t module, uint64_t address, const char *path,
			 const struct ct_symbol_frame *symbol, bool inlined)
{
	struct ct_symbol_frame cut = *symbol;
	char *function = NULL, *file = NULL;
	int64_t id = -1;
	if (ct_cut_if_long(&cut.function, &function) && ct_cut_if_long(&cut.file, &file))
		id = add_short_frame(frames, module, address, path, &cut, inlined);
	free(function);
	free(file);
	return id;
}

static const char *mark_text(const struct ct_store_file *store, uint64_t mark, char *room, size_t bytes)
{
	switch (mark & CT_PSEUDO_MASK) {
	case CT_PSEUDO_CUT:
		return "[frames cut]";
	case CT_PSEUDO_OTHER:
		return "[other sites]";
	case CT_PSEUDO_THREAD:
		snprintf(room, bytes, "[thread %" PRIu32 " %.*s]", ct_thread_number(mark), (int)CT_THREAD_NAME_BYTES,
			 store->strings + ct_thread_name(mark));
		return room;
	case CT_PSEUDO_TAG:
		snprintf(room, bytes, "[tag %.*s]", (int)ct_tag_name(mark).bytes,
			 store->strings + ct_tag_name(mark).offset);
		return room;
	case CT_PSEUDO_STACK:
		return "[stack of a thread]";
	case CT_PSEUDO_ALLOCATOR:
		return "[malloc's own mappings]";
	default:
		return "[callers unknown]";
	}
}

static int64_t add_mark(struct ct_store_frames *frames, uint64_t mark)
{
	char room[CT_TAG_NAME_MAX + 16];
	const char *text = mark_text(frames->store, mark, room, sizeof(room));
	int64_t id = string_of(frames, text);
	if (id < 0)
		return -1;
	return ct_profile_frame(frames->profile, &(struct ct_frame){.text = (uint32_t)id, .function = (uint32_t)id});
}

static bool append(struct ct_store_frames *frames, int64_t frame)
{
	if (frame < 0 || !ct_array_room(&frames->ids, &frames->id_room, frames->id_count + 1, sizeof(*frames->ids)))
		return false;
	frames->ids[frames->id_count++] = (uint32_t)frame;
	return true;
}

/* Inlined functions of ctrace/ctrace.h are not frames of the program. */
static bool is_api_wrapper(const struct ct_symbol_frame *symbols, size_t count)
{
	return count > 1 && symbols[0].function && symbols[0].file && !strncmp(symbols[0].function, "ctrace_", 7) &&
	       !strcmp(base_name(symbols[0].file), "ctrace.h");
}

static bool add_code_frames(struct ct_store_frames *frames, uint32_t module, uint64_t address)
{
	struct ct_symbol_frame symbols[FRAMES_PER_ADDRESS] = {{0}};
	if (module == CT_MODULE_NONE) {
		symbols[0].function = ct_perf_map_lookup(frames->perf_map, address);
		const char *place = symbols[0].function ? "[jit]" : "";
		return append(frames, add_frame(frames, module, address, place, &symbols[0], false));
	}
	char *path = module_path(frames->store, module);
	if (!path)
		return false;
	int handle = open_module(frames, module, path);
	size_t count = ct_symbols_lookup(frames->symbols, handle, address, symbols, FRAMES_PER_ADDRESS);
	if (!count)
		count = 1;
	bool ok = true;
	for (size_t i = is_api_wrapper(symbols, count); i < count && ok; i++)
		ok = append(frames, add_frame(frames, module, address, path, &symbols[i], i + 1 < count));
	free(path);
	return ok;
}

/* The place of a node's code, symbolised at its first use. NULL when out of memory. */
static struct ct_store_place *place_of(struct ct_store_frames *frames, const struct ct_node *node)
{
	struct place_key key = {node->address, node->module};
	struct ct_store_place *found;
	HASH_FIND(hh, frames->places, &key, sizeof(key), found);
	if (found)
		return found;
	found = calloc(1, sizeof(*found));
	if (!found)
		return NULL;
	found->key = key;
	found->first = frames->id_count;
	bool ok = node->module == CT_MODULE_PSEUDO ? append(frames, add_mark(frames, node->address))
						   : add_code_frames(frames, node->module, node->address);
	found->count = (uint32_t)(frames->id_count - found->first);
	if (ok)
		HASH_ADD(hh, frames->places, key, sizeof(found->key), found);
	if (!ok || found->failed) {
		free(found);
		return NULL;
	}
	return found;
}

const uint32_t *ct_store_frames_of(struct ct_store_frames *frames, uint32_t node, uint32_t *count)
{
	struct ct_store_place **place = &frames->place_of[node];
	if (!*place)
		*place = place_of(frames, &frames->store->nodes[node]);
	if (!*place)
		return NULL;
	*count = (*place)->count;
	return frames->ids + (*place)->first;
}

int ct_store_frames_init(struct ct_store_frames *frames)
{
	*frames = (struct ct_store_frames){
		.profile = ct_profile_new(),
		.symbols = ct_symbols_new(),
	};
	return frames->profile && frames->symbols ? 0 : -1;
}

/* A thread may have been renamed: the new name has replaced the old one in the store. */
static int rename_threads(struct ct_store_frames *frames)
{
	struct ct_store_place *place, *next;
	HASH_ITER(hh, frames->places, place, next)
	{
		if (!ct_is_pseudo(place->key.module, place->key.address, CT_PSEUDO_THREAD))
			continue;
		char room[64];
		int64_t id = string_of(frames, mark_text(frames->store, place->key.address, room, sizeof(room)));
		if (id < 0)
			return -1;
		struct ct_frame *frame = &frames->profile->frames[frames->ids[place->first]];
		frame->text = frame->function = (uint32_t)id;
	}
	return 0;
}

int ct_store_frames_update(struct ct_store_frames *frames, const struct ct_store_file *store)
{
	if (!frames->symbols || !frames->store) {
		frames->symbols = frames->symbols ? frames->symbols : ct_symbols_new();
		if (!frames->symbols)
			return -1;
		ct_symbols_read_as(frames->symbols, store->owner);
	}
	if (!frames->store)
		frames->perf_map = ct_perf_map_open(store->header->pid, store->owner);
	frames->store = store;
	if (!ct_array_room(&frames->handles, &frames->handle_room, store->module_count, sizeof(*frames->handles)) ||
	    !ct_array_room(&frames->module_files, &frames->module_file_room, store->module_count,
			   sizeof(*frames->module_files)) ||
	    !ct_array_room(&frames->place_of, &frames->node_room, store->node_count, sizeof(*frames->place_of)))
		return -1;
	for (; frames->node_count < store->node_count; frames->node_count++)
		frames->place_of[frames->node_count] = NULL;
	for (; frames->handle_count < store->module_count; frames->handle_count++) {
		frames->handles[frames->handle_count] = -1;
		frames->module_files[frames->handle_count] = CT_MODULE_FILE_UNKNOWN;
	}
	return rename_threads(frames);
}

void ct_store_frames_rest(struct ct_store_frames *frames)
{
	ct_symbols_say_missing(frames->symbols);
	ct_symbols_free(frames->symbols);
	frames->symbols = NULL;
	for (size_t i = 0; i < frames->handle_count; i++) {
		frames->handles[i] = -1;
		frames->module_files[i] = CT_MODULE_FILE_UNKNOWN;
	}
}

void ct_store_frames_fini(struct ct_store_frames *frames)
{
	struct ct_store_place *place, *next;
	HASH_ITER(hh, frames->places, place, next)
	{
		HASH_DEL(frames->places, place);
		free(place);
	}
	ct_profile_free(frames->profile);
	ct_symbols_say_missing(frames->symbols);
	ct_symbols_free(frames->symbols);
	ct_perf_map_free(frames->perf_map);
	free(frames->place_of);
	free(frames->handles);
	free(frames->module_files);
	free(frames->ids);
	free(frames->text_modules);
}
