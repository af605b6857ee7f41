/* SPDX-License-Identifier: MIT */
#include "attach/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/text.h"

#define GONE " (deleted)"
#define MAPS_BYTES_MAX (64u << 20)

static int open_part(const struct ct_remote *remote, const char *name, int flags)
{
	return openat(remote->process.folder, name, flags | O_CLOEXEC);
}

/* A whole file of /proc/PID, to be freed; NULL: it cannot be read. */
static char *read_part(const struct ct_remote *remote, const char *name)
{
	size_t room = 1u << 16, length = 0;
	char *text = malloc(room);
	int fd = open_part(remote, name, O_RDONLY);
	ssize_t got = fd < 0 ? -1 : 1;
	while (text && got > 0 && room <= MAPS_BYTES_MAX) {
		if (room - length < 4096) {
			char *more = realloc(text, room *= 2);
			if (!more)
				break;
			text = more;
		}
		got = read(fd, text + length, room - length - 1);
		length += got > 0 ? (size_t)got : 0;
	}
	if (fd >= 0)
		close(fd);
	if (text && got == 0) {
		text[length] = '\0';
		return text;
	}
	free(text);
	return NULL;
}

static bool parse_map(char *line, struct ct_remote_map *map)
{
	char rights[8];
	int at = 0;
	if (sscanf(line, "%lx-%lx %7s %lx %*s %lu %n", &map->start, &map->end, rights, &map->offset, &map->inode, &at) <
		    5 ||
	    !at)
		return false;
	map->readable = rights[0] == 'r';
	map->writable = rights[1] == 'w';
	map->executable = rights[2] == 'x';
	map->path = line + at;
	if (ct_ends_with(map->path, GONE))
		map->path[strlen(map->path) - strlen(GONE)] = '\0';
	return true;
}

static void parse_maps(struct ct_remote *remote)
{
	remote->map_count = 0;
	for (char *line = remote->maps_text, *end; *line; line = end + 1) {
		end = strchrnul(line, '\n');
		bool last = !*end;
		*end = '\0';
		remote->map_count += parse_map(line, &remote->maps[remote->map_count]);
		if (last)
			break;
	}
}

int ct_remote_read_maps(struct ct_remote *remote, struct ct_error_text *error)
{
	char *text = read_part(remote, "maps");
	size_t lines = 1;
	for (const char *at = text; at && *at; at++)
		lines += *at == '\n';
	struct ct_remote_map *maps = text ? calloc(lines, sizeof(*maps)) : NULL;
	if (!maps) {
		free(text);
		return ct_error_set(error, CT_ERR_IO, "the mappings of process %d cannot be read; has it ended?",
				    remote->process.pid);
	}
	free(remote->maps);
	free(remote->maps_text);
	remote->maps = maps;
	remote->maps_text = text;
	parse_maps(remote);
	return CT_OK;
}

const struct ct_remote_map *ct_remote_map_at(const struct ct_remote *remote, uint64_t address)
{
	size_t low = 0, high = remote->map_count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (address >= remote->maps[middle].end)
			low = middle + 1;
		else
			high = middle;
	}
	return low < remote->map_count && address >= remote->maps[low].start ? &remote->maps[low] : NULL;
}

const struct ct_remote_map *ct_remote_find(const struct ct_remote *remote, const char *name)
{
	for (size_t i = 0; i < remote->map_count; i++) {
		const char *base = strrchr(remote->maps[i].path, '/');
		if (base && !strncmp(base + 1, name, strlen(name)))
			return &remote->maps[i];
	}
	return NULL;
}

bool ct_remote_status(const struct ct_remote *remote, const char *name, char *value, size_t room)
{
	char *text = read_part(remote, "status"), *line = text;
	size_t length = strlen(name);
	bool found = false;
	while (line && !(found = !strncmp(line, name, length) && line[length] == ':')) {
		line = strchr(line, '\n');
		line += line != NULL;
	}
	if (found) {
		line += length + 1;
		line += strspn(line, " \t");
		snprintf(value, room, "%.*s", (int)strcspn(line, "\n"), line);
	}
	free(text);
	return found;
}

bool ct_remote_read(const struct ct_remote *remote, uint64_t address, void *to, size_t bytes)
{
	return pread(remote->memory, to, bytes, (off_t)address) == (ssize_t)bytes;
}

bool ct_remote_write(const struct ct_remote *remote, uint64_t address, const void *from, size_t bytes)
{
	return pwrite(remote->memory, from, bytes, (off_t)address) == (ssize_t)bytes;
}

uint64_t ct_remote_search(const struct ct_remote *remote, const char *path, const void *bytes, size_t count)
{
	uint64_t found = 0;
	for (size_t i = 0; i < remote->map_count && !found; i++) {
		const struct ct_remote_map *map = &remote->maps[i];
		size_t size = map->end - map->start;
		if (!map->executable || strcmp(map->path, path) != 0)
			continue;
		char *copy = malloc(size);
		char *at = copy && ct_remote_read(remote, map->start, copy, size) ? memmem(copy, size, bytes, count)
										  : NULL;
		if (at)
			found = map->start + (uint64_t)(at - copy);
		free(copy);
	}
	return found;
}

static int find_libc(struct ct_remote *remote, struct ct_error_text *error)
{
	const struct ct_remote_map *libc = ct_remote_find(remote, "libc.so.6");
	if (!libc)
		libc = ct_remote_find(remote, "libc-2.");
	const struct ct_remote_map *loader = ct_remote_find(remote, "ld-linux");
	if (!loader)
		loader = ct_remote_find(remote, "ld-2.");
	if (!libc || !loader)
		return CT_OK; /* attach/refuse.h says so */
	snprintf(remote->libc_path, sizeof(remote->libc_path), "%s", libc->path);
	snprintf(remote->loader_path, sizeof(remote->loader_path), "%s", loader->path);
	if (!ct_image_read(remote, libc->start, &remote->libc))
		return ct_error_set(error, CT_ERR_IO, "process %d: its C library %s cannot be read",
				    remote->process.pid, remote->libc_path);
	return CT_OK;
}

int ct_remote_open(int pid, struct ct_remote *remote, struct ct_error_text *error)
{
	*remote = (struct ct_remote){.process = {.folder = -1}, .memory = -1};
	int code = ct_process_open(pid, &remote->process, error);
	if (!code && !ct_process_lives(&remote->process))
		code = ct_error_set(error, CT_ERR_IO, "process %d has ended", pid);
	return code;
}

int ct_remote_open_memory(struct ct_remote *remote, struct ct_error_text *error)
{
	remote->memory = open_part(remote, "mem", O_RDWR);
	if (remote->memory < 0)
		return ct_error_set(error, CT_ERR_IO, "the memory of process %d cannot be opened: %s",
				    remote->process.pid, strerror(errno));
	int code = ct_remote_read_maps(remote, error);
	return code ? code : find_libc(remote, error);
}

void ct_remote_close(struct ct_remote *remote)
{
	if (remote->memory >= 0)
		close(remote->memory);
	if (remote->process.folder >= 0)
		close(remote->process.folder);
	ct_image_free(&remote->libc);
	free(remote->maps);
	free(remote->maps_text);
}
