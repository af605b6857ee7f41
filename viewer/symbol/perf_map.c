/* SPDX-License-Identifier: MIT */
/* /tmp/perf-PID.map: lines "START SIZE NAME", hexadecimal, written by JIT compilers for perf. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbol/symbol.h"
#include "symbol/sysroot.h"
#include "util/array.h"
#include "util/search.h"

#define BYTES_MAX (256 << 20)

struct entry {
	uint64_t start, end;
	char *name;
	size_t order; /* of the line; later lines replace earlier ones */
};

struct ct_perf_map {
	struct entry *entries;
	size_t count, room;
};

static int by_start(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static bool add_line(struct ct_perf_map *map, const char *line)
{
	unsigned long long start, size;
	int name = 0;
	if (sscanf(line, "%llx %llx %n", &start, &size, &name) < 2 || !name || !line[name])
		return true;
	if (!ct_array_room(&map->entries, &map->room, map->count + 1, sizeof(*map->entries)))
		return false;
	char *copy = strdup(line + name);
	if (!copy)
		return false;
	copy[strcspn(copy, "\n")] = '\0';
	map->entries[map->count] = (struct entry){start, start + size, copy, map->count};
	map->count++;
	return true;
}

struct ct_perf_map *ct_perf_map_read(FILE *file)
{
	char *line = NULL;
	size_t room = 0;
	if (!file)
		return NULL;
	struct ct_perf_map *map = calloc(1, sizeof(*map));
	while (map && getline(&line, &room, file) > 0 && add_line(map, line))
		;
	free(line);
	fclose(file);
	if (map && map->count)
		qsort(map->entries, map->count, sizeof(*map->entries), by_start);
	return map;
}

struct ct_perf_map *ct_perf_map_open(uint32_t pid, uid_t user)
{
	char path[64];
	struct stat status;
	snprintf(path, sizeof(path), "/tmp/perf-%u.map", pid);
	/*
	 * Any user can create this file. So follow no link, do not block on a pipe, and accept nothing that a third
	 * user wrote, not even as root.
	 */
	int fd = ct_sysroot_open(path, O_NOFOLLOW, &status);
	if (fd < 0)
		return NULL;
	bool ours =
		status.st_size <= BYTES_MAX && (status.st_uid == geteuid() || status.st_uid == user || !status.st_uid);
	FILE *file = ours ? fdopen(fd, "r") : NULL;
	if (!file)
		close(fd);
	return ct_perf_map_read(file);
}

const char *ct_perf_map_lookup(const struct ct_perf_map *map, uint64_t address)
{
	size_t found = map ? ct_search_not_above(map->entries, map->count, sizeof(*map->entries), address) : 0;
	return found && address < map->entries[found - 1].end ? map->entries[found - 1].name : NULL;
}

void ct_perf_map_free(struct ct_perf_map *map)
{
	if (!map)
		return;
	for (size_t i = 0; i < map->count; i++)
		free(map->entries[i].name);
	free(map->entries);
	free(map);
}
