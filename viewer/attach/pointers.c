/* SPDX-License-Identifier: MIT */
#include "attach/pointers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK (1u << 20)
#define DATA_MAX (256ull << 20)

static const char *const names[] = {"malloc",         "calloc",        "realloc", "free",
				    "posix_memalign", "aligned_alloc", "memalign"};
#define NAMES (sizeof(names) / sizeof(names[0]))

struct search {
	struct ct_remote *remote;
	uint64_t real[NAMES];
	uint64_t left; /* bytes that may still be read */
	uint64_t *buffer;
	uint64_t found; /* in this object */
};

/* The functions behind the slots: of the first object that has its own malloc, or of the C library. */
static void find_functions(struct search *search)
{
	struct ct_image image = {0};
	for (size_t i = 0; i < search->remote->map_count; i++) {
		const struct ct_remote_map *map = &search->remote->maps[i];
		if (map->offset || *map->path != '/' || strstr(map->path, "libctrace") ||
		    !strcmp(map->path, search->remote->loader_path) ||
		    !ct_image_read(search->remote, map->start, &image))
			continue;
		bool is_libc = image.base == search->remote->libc.base;
		for (size_t k = 0; k < NAMES; k++) {
			uint64_t address = ct_image_find(&image, names[k]);
			if (address && (!search->real[k] || !is_libc))
				search->real[k] = address;
		}
		ct_image_free(&image);
	}
}

static void look_at(struct search *search, const struct ct_remote_map *map)
{
	for (uint64_t at = map->start; at < map->end && search->left; at += CHUNK) {
		uint64_t bytes = map->end - at < CHUNK ? map->end - at : CHUNK;
		if (!ct_remote_read(search->remote, at, search->buffer, bytes))
			return;
		search->left -= bytes < search->left ? bytes : search->left;
		for (uint64_t i = 0; i < bytes / sizeof(uint64_t); i++)
			for (size_t k = 0; search->buffer[i] && k < NAMES; k++)
				search->found += search->buffer[i] == search->real[k];
	}
}

static bool is_object(const struct ct_remote *remote, const struct ct_remote_map *map)
{
	return *map->path == '/' && !strstr(map->path, "libctrace") && strcmp(map->path, remote->loader_path) != 0;
}

void ct_pointers_count(struct ct_remote *remote, struct ct_attach_done *done)
{
	struct ct_error_text ignored;
	struct search search = {.remote = remote, .left = DATA_MAX, .buffer = malloc(CHUNK)};
	uint64_t most = 0;
	if (!search.buffer || ct_remote_read_maps(remote, &ignored) != 0) {
		free(search.buffer);
		return;
	}
	find_functions(&search);
	for (size_t i = 0; i < remote->map_count; i++) {
		const struct ct_remote_map *map = &remote->maps[i], *next = map + 1;
		if (!is_object(remote, map) || !map->writable || !map->readable)
			continue;
		search.found = 0;
		look_at(&search, map);
		/* What follows without a name is the part of the data that begins as zeros. */
		if (i + 1 < remote->map_count && next->start == map->end && !*next->path && next->writable)
			look_at(&search, next);
		done->pointers += search.found;
		if (search.found > most) {
			most = search.found;
			snprintf(done->pointers_in, sizeof(done->pointers_in), "%s", map->path);
		}
	}
	free(search.buffer);
}
