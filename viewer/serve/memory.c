/* SPDX-License-Identifier: MIT */
#include "serve/memory.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM 8192
#define UNLIMITED (UINT64_C(1) << 62) /* version 1 writes a number near 2^63 */

const char *const ct_memory_kinds[CT_MEMORY_KINDS] = {"anon", "file", "shmem", "swap"};
const char *const ct_cgroup_events[CT_CGROUP_EVENTS] = {"high", "max", "oom", "oom_kill"};

/* Read a small file; "" if it is not there. */
static void read_text(int folder, const char *path, char text[ROOM])
{
	int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t got = fd < 0 ? 0 : read(fd, text, ROOM - 1);
	text[got > 0 ? got : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* The number after a word at the start of a line. */
static uint64_t number_after(const char *text, const char *word)
{
	size_t length = strlen(word);
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, word, length))
			return strtoull(line + length, NULL, 10);
	}
	return CT_NOT_KNOWN;
}

static uint64_t number_in(const char *folder, const char *name)
{
	char path[PATH_MAX + 64], text[ROOM];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	read_text(AT_FDCWD, path, text);
	return *text >= '0' && *text <= '9' ? strtoull(text, NULL, 10) : CT_NOT_KNOWN;
}

/* The folder of the cgroup that limits memory. False: there is none, or it lies outside of what we see. */
static bool find_cgroup(char *text, bool *second, char folder[PATH_MAX])
{
	bool found = false;
	for (char *save, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *kinds = strchr(line, ':'), *path = kinds ? strchr(kinds + 1, ':') : NULL;
		if (!path || strstr(path, ".."))
			continue;
		*path++ = '\0';
		bool first = !strcmp(kinds + 1, "memory");
		if (!first && (found || kinds[1]))
			continue;
		*second = !first;
		found = snprintf(folder, PATH_MAX, "/sys/fs/cgroup%s%s", first ? "/memory" : "", path) < PATH_MAX;
		if (first && found && access(folder, F_OK)) /* a container mounts its own group as the root */
			snprintf(folder, PATH_MAX, "/sys/fs/cgroup/memory");
	}
	return found;
}

static void name_events(const char *folder, bool second, char path[PATH_MAX + 64])
{
	snprintf(path, PATH_MAX + 64, "%s/%s", folder, second ? "memory.events" : "memory.oom_control");
}

/* The file with the cgroup's events. */
static bool find_events(char *text, char path[PATH_MAX + 64])
{
	char folder[PATH_MAX];
	bool second = false;
	if (!find_cgroup(text, &second, folder))
		return false;
	name_events(folder, second, path);
	return true;
}

uint64_t ct_memory_oom_kills(const struct ct_process *process, char **path)
{
	char text[ROOM], found[PATH_MAX + 64];
	if (!*path && process->folder >= 0) {
		read_text(process->folder, "cgroup", text);
		*path = find_events(text, found) ? strdup(found) : NULL;
	}
	if (!*path)
		return CT_NOT_KNOWN;
	read_text(AT_FDCWD, *path, text);
	return number_after(text, "oom_kill ");
}

static void read_cgroup(char *text, struct ct_memory *memory)
{
	char folder[PATH_MAX], path[PATH_MAX + 64], events[ROOM], word[16];
	bool second = false;
	if (!find_cgroup(text, &second, folder))
		return;
	memory->cgroup_bytes = number_in(folder, second ? "memory.current" : "memory.usage_in_bytes");
	uint64_t limit = number_in(folder, second ? "memory.max" : "memory.limit_in_bytes");
	memory->cgroup_limit = limit < UNLIMITED ? limit : CT_NOT_KNOWN;
	name_events(folder, second, path);
	read_text(AT_FDCWD, path, events);
	for (int i = 0; i < CT_CGROUP_EVENTS; i++) {
		snprintf(word, sizeof(word), "%s ", ct_cgroup_events[i]);
		memory->cgroup_events[i] = number_after(events, word);
	}
}

void ct_memory_read(const struct ct_process *process, struct ct_memory *memory)
{
	static const char *const words[CT_MEMORY_KINDS] = {"RssAnon:", "RssFile:", "RssShmem:", "VmSwap:"};
	char text[ROOM];
	memset(memory, 0xff, sizeof(*memory));
	if (process->folder < 0)
		return;
	read_text(process->folder, "status", text);
	for (int i = 0; i < CT_MEMORY_KINDS; i++) {
		uint64_t kib = number_after(text, words[i]);
		memory->bytes[i] = kib == CT_NOT_KNOWN ? kib : kib * 1024;
	}
	read_text(process->folder, "cgroup", text);
	read_cgroup(text, memory);
}
