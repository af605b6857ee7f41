/* SPDX-License-Identifier: MIT */
#include "symbol/cache.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctrace/version.h"
#include "symbol/cache_folder.h"
#include "util/array.h"
#include "util/search.h"

#define FORMAT "ctrace names 1" /* to be raised when the same file could give other names */
#define FILE_BYTES_MAX (16u << 20)
#define LATEST 32

struct kept_stat {
	uint32_t exists;
	uint32_t path; /* its offset in the texts, as for all texts here; 0: no text */
	uint64_t device, inode, bytes, modified_ns, changed_ns;
};

struct kept_place {
	uint64_t address; /* first: see ct_search_not_above */
	uint32_t first, count; /* its frames */
};

struct kept_frame {
	uint32_t function, file, line;
};

/* A file is this, then the arrays of stats, places (sorted), frames, and the texts, each ended by a zero. */
struct kept_header {
	char version[64];
	uint64_t checksum; /* of everything after it */
	uint64_t stats, places, frames, text_bytes;
};

struct ct_cache {
	char *name; /* of the file */
	char version[64];
	struct kept_stat *stats;
	struct kept_place *places;
	struct kept_frame *frames;
	char *texts;
	size_t stat_count, stat_room, place_count, place_room, frame_count, frame_room, text_bytes, text_room;
	size_t sorted; /* of the places; the others were added since */
	bool failed; /* out of memory: not to be written */
};

static uint64_t hash_of(const char *bytes, size_t count)
{
	uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
	for (size_t i = 0; i < count; i++)
		hash = (hash ^ (uint8_t)bytes[i]) * UINT64_C(1099511628211);
	return hash;
}

static uint64_t ns(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * 1000000000u + (uint64_t)time->tv_nsec;
}

static struct kept_stat look_at(const char *path)
{
	struct stat now;
	if (stat(path, &now) != 0)
		return (struct kept_stat){0};
	return (struct kept_stat){
		.exists = 1,
		.device = now.st_dev,
		.inode = now.st_ino,
		.bytes = (uint64_t)now.st_size,
		.modified_ns = ns(&now.st_mtim),
		.changed_ns = ns(&now.st_ctim),
	};
}

static bool is_unchanged(const struct ct_cache *cache, const struct kept_stat *kept)
{
	struct kept_stat now = look_at(cache->texts + kept->path);
	now.path = kept->path;
	return !memcmp(&now, kept, sizeof(now));
}

static char *file_name(const uint8_t *build_id, size_t bytes, const char *path)
{
	char *name = malloc(2 * bytes + 18);
	if (!name)
		return NULL;
	for (size_t i = 0; i < bytes; i++)
		snprintf(name + 2 * i, 3, "%02x", build_id[i]);
	snprintf(name + 2 * bytes, 18, "-%016" PRIx64, hash_of(path, strlen(path)));
	return name;
}

/* Copy an array out of the file's content. */
static bool take(const char **from, const char *end, void *array, size_t *count, size_t *room, size_t wanted,
		 size_t element_bytes)
{
	void *elements;
	if (wanted > (size_t)(end - *from) / element_bytes || !ct_array_room(array, room, wanted, element_bytes))
		return false;
	memcpy(&elements, array, sizeof(elements));
	if (wanted)
		memcpy(elements, *from, wanted * element_bytes);
	*from += wanted * element_bytes;
	*count = wanted;
	return true;
}

static uint64_t checksum(const char *content, size_t bytes)
{
	size_t start = offsetof(struct kept_header, stats);
	return hash_of(content + start, bytes - start);
}

/* Are all indices within the arrays, and the places sorted? */
static bool is_sound(const struct ct_cache *cache)
{
	if (!cache->text_bytes || cache->texts[0] || cache->texts[cache->text_bytes - 1])
		return false;
	for (size_t i = 0; i < cache->stat_count; i++)
		if (cache->stats[i].path >= cache->text_bytes)
			return false;
	for (size_t i = 0; i < cache->frame_count; i++)
		if (cache->frames[i].function >= cache->text_bytes || cache->frames[i].file >= cache->text_bytes)
			return false;
	for (size_t i = 0; i < cache->place_count; i++) {
		const struct kept_place *place = &cache->places[i];
		if (place->count > cache->frame_count || place->first > cache->frame_count - place->count ||
		    (i && place->address <= place[-1].address))
			return false;
	}
	return true;
}

static bool parse(struct ct_cache *cache, const char *content, size_t bytes)
{
	struct kept_header header;
	const char *from = content + sizeof(header), *end = content + bytes;
	if (bytes < sizeof(header))
		return false;
	memcpy(&header, content, sizeof(header));
	return !memcmp(header.version, cache->version, sizeof(header.version)) &&
	       header.checksum == checksum(content, bytes) &&
	       take(&from, end, &cache->stats, &cache->stat_count, &cache->stat_room, header.stats,
		    sizeof(*cache->stats)) &&
	       take(&from, end, &cache->places, &cache->place_count, &cache->place_room, header.places,
		    sizeof(*cache->places)) &&
	       take(&from, end, &cache->frames, &cache->frame_count, &cache->frame_room, header.frames,
		    sizeof(*cache->frames)) &&
	       take(&from, end, &cache->texts, &cache->text_bytes, &cache->text_room, header.text_bytes, 1) &&
	       from == end && is_sound(cache);
}

static void clear(struct ct_cache *cache)
{
	cache->stat_count = cache->place_count = cache->frame_count = cache->text_bytes = cache->sorted = 0;
}

struct ct_cache *ct_cache_open(const uint8_t *build_id, size_t build_id_bytes, const char *path, const char *reader)
{
	struct ct_cache *cache = calloc(1, sizeof(*cache));
	size_t bytes;
	int folder = cache ? ct_cache_folder_open() : -1;
	if (folder >= 0)
		cache->name = file_name(build_id, build_id_bytes, path);
	char *content =
		folder >= 0 && cache->name ? ct_cache_folder_read(folder, cache->name, FILE_BYTES_MAX, &bytes) : NULL;
	if (folder >= 0)
		close(folder);
	if (!cache || !cache->name) {
		free(cache);
		return NULL;
	}
	snprintf(cache->version, sizeof(cache->version), FORMAT " %s libdw %s", CTRACE_VERSION, reader);
	bool valid = content && parse(cache, content, bytes);
	free(content);
	for (size_t i = 0; i < cache->stat_count && valid; i++)
		valid = is_unchanged(cache, &cache->stats[i]);
	if (!valid)
		clear(cache);
	cache->sorted = cache->place_count;
	return cache;
}

bool ct_cache_is_valid(const struct ct_cache *cache)
{
	return cache->stat_count > 0;
}

static const char *text_at(const struct ct_cache *cache, uint32_t offset)
{
	return offset ? cache->texts + offset : NULL;
}

bool ct_cache_find(const struct ct_cache *cache, uint64_t address, struct ct_symbol_frame *frames, size_t max,
		   size_t *count)
{
	size_t found = ct_search_not_above(cache->places, cache->sorted, sizeof(*cache->places), address);
	if (!found || cache->places[found - 1].address != address)
		return false;
	const struct kept_place *place = &cache->places[found - 1];
	*count = place->count < max ? place->count : max;
	for (size_t i = 0; i < *count; i++) {
		const struct kept_frame *frame = &cache->frames[place->first + i];
		frames[i] = (struct ct_symbol_frame){
			.function = text_at(cache, frame->function),
			.file = text_at(cache, frame->file),
			.line = frame->line,
		};
	}
	return true;
}

/* Append a text. Returns its offset, or 0 when out of memory. */
static uint32_t append_text(struct ct_cache *cache, const char *text)
{
	size_t bytes = strlen(text) + 1, start = cache->text_bytes ? cache->text_bytes : 1;
	if (!ct_array_room(&cache->texts, &cache->text_room, start + bytes, 1)) {
		cache->failed = true;
		return 0;
	}
	cache->texts[0] = '\0';
	memcpy(cache->texts + start, text, bytes);
	cache->text_bytes = start + bytes;
	return (uint32_t)start;
}

/* The offset of a text. Neighbours often have the same file, so the latest frames' texts are used again. */
static uint32_t offset_of(struct ct_cache *cache, const char *text)
{
	if (!text || !*text)
		return 0;
	for (size_t i = 1; i <= LATEST && i <= cache->frame_count; i++) {
		const struct kept_frame *frame = &cache->frames[cache->frame_count - i];
		if (!strcmp(cache->texts + frame->file, text))
			return frame->file;
		if (!strcmp(cache->texts + frame->function, text))
			return frame->function;
	}
	return append_text(cache, text);
}

void ct_cache_depend(struct ct_cache *cache, const char *path)
{
	struct kept_stat kept = look_at(path);
	kept.path = offset_of(cache, path);
	if (!kept.path || !ct_array_room(&cache->stats, &cache->stat_room, cache->stat_count + 1, sizeof(kept)))
		cache->failed = true;
	else
		cache->stats[cache->stat_count++] = kept;
}

/* Bytes of the file that an address with these frames takes, at most. */
static size_t room_for(const struct ct_symbol_frame *frames, size_t count)
{
	size_t bytes = sizeof(struct kept_place) + count * sizeof(struct kept_frame);
	for (size_t i = 0; i < count; i++)
		bytes += (frames[i].function ? strlen(frames[i].function) + 1 : 0) +
			 (frames[i].file ? strlen(frames[i].file) + 1 : 0);
	return bytes;
}

static size_t file_bytes(const struct ct_cache *cache)
{
	return sizeof(struct kept_header) + cache->stat_count * sizeof(*cache->stats) +
	       cache->place_count * sizeof(*cache->places) + cache->frame_count * sizeof(*cache->frames) +
	       cache->text_bytes;
}

void ct_cache_add(struct ct_cache *cache, uint64_t address, const struct ct_symbol_frame *frames, size_t count)
{
	if (file_bytes(cache) + room_for(frames, count) > FILE_BYTES_MAX)
		return;
	if (cache->failed ||
	    !ct_array_room(&cache->places, &cache->place_room, cache->place_count + 1, sizeof(*cache->places)) ||
	    !ct_array_room(&cache->frames, &cache->frame_room, cache->frame_count + count, sizeof(*cache->frames))) {
		cache->failed = true;
		return;
	}
	cache->places[cache->place_count++] =
		(struct kept_place){address, (uint32_t)cache->frame_count, (uint32_t)count};
	for (size_t i = 0; i < count; i++) {
		struct kept_frame frame = {offset_of(cache, frames[i].function), offset_of(cache, frames[i].file),
					   frames[i].line};
		cache->frames[cache->frame_count++] = frame;
	}
}

static int by_address(const void *left, const void *right)
{
	const struct kept_place *a = left, *b = right;
	return a->address < b->address ? -1 : a->address > b->address;
}

static void sort_places(struct ct_cache *cache)
{
	size_t kept = 0;
	qsort(cache->places, cache->place_count, sizeof(*cache->places), by_address);
	for (size_t i = 0; i < cache->place_count; i++)
		if (!kept || cache->places[kept - 1].address != cache->places[i].address)
			cache->places[kept++] = cache->places[i];
	cache->place_count = kept;
}

static void put(char **to, const void *array, size_t bytes)
{
	if (bytes)
		memcpy(*to, array, bytes);
	*to += bytes;
}

static void write_file(struct ct_cache *cache)
{
	sort_places(cache);
	struct kept_header header = {
		.stats = cache->stat_count,
		.places = cache->place_count,
		.frames = cache->frame_count,
		.text_bytes = cache->text_bytes,
	};
	size_t bytes = file_bytes(cache);
	char *content = bytes <= FILE_BYTES_MAX ? malloc(bytes) : NULL, *to = content;
	if (!content)
		return;
	memcpy(header.version, cache->version, sizeof(header.version));
	put(&to, &header, sizeof(header));
	put(&to, cache->stats, cache->stat_count * sizeof(*cache->stats));
	put(&to, cache->places, cache->place_count * sizeof(*cache->places));
	put(&to, cache->frames, cache->frame_count * sizeof(*cache->frames));
	put(&to, cache->texts, cache->text_bytes);
	header.checksum = checksum(content, bytes);
	memcpy(content, &header, sizeof(header));
	ct_cache_folder_write(cache->name, content, bytes);
	free(content);
}

void ct_cache_close(struct ct_cache *cache, bool write)
{
	if (!cache)
		return;
	if (write && !cache->failed && cache->stat_count && cache->place_count > cache->sorted)
		write_file(cache);
	free(cache->name);
	free(cache->stats);
	free(cache->places);
	free(cache->frames);
	free(cache->texts);
	free(cache);
}
