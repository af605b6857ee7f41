/* SPDX-License-Identifier: MIT */
#include "util/cgroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOUNTS "/sys/fs/cgroup"
#define TEXT_BYTES 8192
#define ENDLESS (UINT64_C(1) << 60) /* version 1 has no word for it, only a number about as large as all addresses */

static const struct names {
	const char *limit, *used, *files; /* the last one is a row of memory.stat */
} names[] = {
	[1] = {"memory.limit_in_bytes", "memory.usage_in_bytes", "\ntotal_inactive_file "},
	[2] = {"memory.max", "memory.current", "\ninactive_file "},
};

static bool read_text(const char *folder, const char *name, char text[TEXT_BYTES])
{
	char path[2 * PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	text[fread(text, 1, TEXT_BYTES - 1, file)] = '\0';
	fclose(file);
	return true;
}

/* A number; 0 if there is none, or it stands for no limit. */
static uint64_t read_number(const char *folder, const char *name)
{
	char text[TEXT_BYTES];
	uint64_t number = read_text(folder, name, text) ? strtoull(text, NULL, 10) : 0;
	return number < ENDLESS ? number : 0;
}

/* The group's name in the line of the memory controller, or of version 2. False: there is no such line. */
static bool find_name(const char *text, int version, char name[PATH_MAX])
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *controllers = strchr(line, ':'), *end = controllers ? strchr(controllers + 1, ':') : NULL;
		size_t length = strcspn(line, "\n");
		if (!end || end > line + length)
			continue;
		const char *memory = memmem(controllers, (size_t)(end - controllers), "memory", 6);
		bool is_other = memory && (!strchr(":,", memory[-1]) || !strchr(":,", memory[6]));
		if (version == 1 ? !memory || is_other : strncmp(line, "0::", 3) != 0)
			continue;
		snprintf(name, PATH_MAX, "%.*s", (int)(line + length - end - 1), end + 1);
		return true;
	}
	return false;
}

/* The group and those above it. A container often has only its own mounted, where the name does not lead. */
static bool read_groups(const char *root, int version, struct ct_cgroup *group)
{
	char folder[2 * PATH_MAX], text[TEXT_BYTES];
	bool found = false;
	int length = snprintf(folder, sizeof(folder), "%s%s", root, group->name);
	while (length >= (int)strlen(root)) {
		uint64_t limit = read_number(folder, names[version].limit);
		bool exists = read_text(folder, names[version].used, text);
		if (exists && !found)
			snprintf(group->own, sizeof(group->own), "%s", folder);
		found = found || exists;
		if (limit && exists && (!group->limit || limit < group->limit)) {
			uint64_t used = strtoull(text, NULL, 10), files = 0;
			if (read_text(folder, "memory.stat", text)) {
				const char *row = strstr(text, names[version].files);
				files = row ? strtoull(row + strlen(names[version].files), NULL, 10) : 0;
			}
			group->limit = limit;
			snprintf(group->limiting, sizeof(group->limiting), "%s", folder);
			group->used = used > files ? used - files : 0;
		}
		while (length > 0 && folder[--length] != '/')
			;
		folder[length] = '\0';
	}
	return found;
}

void ct_cgroup_read(const char *text, const char *mounts, struct ct_cgroup *group)
{
	static const struct {
		const char *place;
		int version;
	} roots[] = {{"/memory", 1}, {"", 2}, {"/unified", 2}};
	char root[PATH_MAX];
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		*group = (struct ct_cgroup){.version = roots[i].version};
		snprintf(root, sizeof(root), "%s%s", mounts, roots[i].place);
		if (find_name(text, roots[i].version, group->name) && read_groups(root, roots[i].version, group))
			return;
	}
	*group = (struct ct_cgroup){0};
}

void ct_cgroup_of(int pid, struct ct_cgroup *group)
{
	char folder[32], text[TEXT_BYTES];
	snprintf(folder, sizeof(folder), "/proc/%d", pid);
	*group = (struct ct_cgroup){0};
	if (read_text(folder, "cgroup", text))
		ct_cgroup_read(text, MOUNTS, group);
}
