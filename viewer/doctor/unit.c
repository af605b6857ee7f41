/* SPDX-License-Identifier: MIT */
#include "doctor/unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/text.h"

#define SUFFIX ".service"

/* The later ones come first for the unit's file; drop-ins of all of them are read. */
static const char *const folders[] = {"/usr/lib/systemd/system", "/lib/systemd/system", "/run/systemd/system",
				      "/etc/systemd/system"};
#define FOLDERS (sizeof(folders) / sizeof(folders[0]))

static bool is_true(const char *value)
{
	return !strcasecmp(value, "yes") || !strcasecmp(value, "true") || !strcasecmp(value, "on") ||
	       !strcmp(value, "1") || !strcasecmp(value, "disconnected");
}

/* Environment="A=x y" B=z: take what we look for out of it. */
static void read_variables(char *value, struct ct_unit *unit)
{
	while (*(value += strspn(value, " \t"))) {
		const char *stop = *value == '"' ? "\"" : *value == '\'' ? "'" : " \t";
		value += *stop == *value;
		char *end = value + strcspn(value, stop);
		char *next = end + (*end != '\0');
		*end = '\0';
		if (!strncmp(value, "LD_PRELOAD=", 11))
			snprintf(unit->preload, sizeof(unit->preload), "%s", value + 11);
		value = next;
	}
}

static void read_line(char *line, struct ct_unit *unit)
{
	char *value = strchr(line, '=');
	if (!value)
		return;
	*value++ = '\0';
	line[strcspn(line, " \t")] = '\0';
	value += strspn(value, " \t");
	value[strcspn(value, "\r\n")] = '\0';
	if (!strcmp(line, "Environment")) {
		if (!*value)
			*unit->preload = '\0';
		read_variables(value, unit);
	} else if (!strcmp(line, "ProtectSystem")) {
		snprintf(unit->protect_system, sizeof(unit->protect_system), "%s", value);
	} else if (!strcmp(line, "PrivateTmp")) {
		unit->private_tmp = is_true(value);
	}
}

static bool read_file(const char *path, struct ct_unit *unit)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	if (!file)
		return false;
	while (getline(&line, &room, file) > 0)
		read_line(line + strspn(line, " \t"), unit);
	free(line);
	fclose(file);
	return true;
}

static int is_drop_in(const struct dirent *entry)
{
	return ct_ends_with(entry->d_name, ".conf");
}

static void read_drop_ins(const char *root, const char *folder, const char *name, struct ct_unit *unit)
{
	char path[PATH_MAX], file[2 * PATH_MAX];
	struct dirent **entries;
	snprintf(path, sizeof(path), "%s%s/%s.d", root, folder, name);
	int count = scandir(path, &entries, is_drop_in, alphasort);
	for (int i = 0; i < count; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		read_file(file, unit);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

/* web@1.service has the files of web@.service, too. */
static void read_name(const char *root, const char *name, struct ct_unit *unit)
{
	char path[PATH_MAX];
	for (size_t i = FOLDERS; i-- > 0 && !*unit->file;) {
		snprintf(path, sizeof(path), "%s%s/%s", root, folders[i], name);
		if (read_file(path, unit))
			snprintf(unit->file, sizeof(unit->file), "%s", path);
	}
	for (size_t i = 0; i < FOLDERS; i++)
		read_drop_ins(root, folders[i], name, unit);
}

void ct_unit_read(const char *root, const char *groups, struct ct_unit *unit)
{
	*unit = (struct ct_unit){.name = ""};
	for (const char *at = groups; *at; at += strcspn(at, "/\n"), at += *at != '\0') {
		size_t length = strcspn(at, "/\n");
		char part[CT_UNIT_ROOM];
		if (length < sizeof(part)) {
			snprintf(part, sizeof(part), "%.*s", (int)length, at);
			if (ct_ends_with(part, SUFFIX))
				memcpy(unit->name, part, length + 1);
		}
	}
	if (!*unit->name)
		return;
	const char *instance = strchr(unit->name, '@');
	if (instance) {
		char name[CT_UNIT_ROOM + sizeof(SUFFIX)];
		snprintf(name, sizeof(name), "%.*s%s", (int)(instance + 1 - unit->name), unit->name, SUFFIX);
		read_name(root, name, unit);
	}
	read_name(root, unit->name, unit);
}
