/* SPDX-License-Identifier: MIT */
#include "doctor/package.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/capture.h"
#include "util/library.h"
#include "util/text.h"

#define INNERMOST 5u /* frames of a stack whose names matter for its row in a table */
#define SHARE 10u /* a tenth */
#define NAME_ROOM 128

/* A whole file, to be freed; NULL: it cannot be read. */
static char *read_file(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t room = 0;
	if (!file)
		return NULL;
	if (getdelim(&text, &room, '\0', file) < 0) {
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

/* Is this kind of system meant by a line such as ID=debian or ID_LIKE="rhel fedora"? */
static bool is_system(const char *root, const char *kind)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/etc/os-release", root);
	char *text = read_file(path);
	bool is = false;
	for (char *line = text ? strtok(text, "\n") : NULL; line && !is; line = strtok(NULL, "\n")) {
		if (strncmp(line, "ID=", 3) && strncmp(line, "ID_LIKE=", 8))
			continue;
		char *at = strstr(strchr(line, '='), kind);
		is = at && strchr("= \"'", at[-1]) && strchr(" \"'", at[strlen(kind)]);
	}
	free(text);
	return is;
}

/* Does the list of a package's files have the path as a line? */
static bool has_line(const char *list, const char *path)
{
	size_t length = strlen(path);
	for (const char *at = list; (at = strstr(at, path)); at += length)
		if ((at == list || at[-1] == '\n') && (at[length] == '\n' || !at[length]))
			return true;
	return false;
}

/* The Debian package that has a file. A list from before the merge of /bin and /usr/bin may have either name. */
static bool find_debian(const char *root, const char *path, char name[NAME_ROOM])
{
	char folder[PATH_MAX], other[PATH_MAX + 8];
	struct dirent **entries;
	bool found = false;
	if (!strncmp(path, "/usr/", 5))
		snprintf(other, sizeof(other), "%s", path + 4);
	else
		snprintf(other, sizeof(other), "/usr%s", path);
	snprintf(folder, sizeof(folder), "%s/var/lib/dpkg/info", root);
	int count = scandir(folder, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		char file[PATH_MAX * 2], *list;
		snprintf(file, sizeof(file), "%s/%s", folder, entries[i]->d_name);
		if (!found && ct_ends_with(entries[i]->d_name, ".list") && (list = read_file(file))) {
			found = has_line(list, path) || has_line(list, other);
			if (found) /* libc6:amd64.list */
				snprintf(name, NAME_ROOM, "%.*s", (int)strcspn(entries[i]->d_name, ":"),
					 entries[i]->d_name);
			free(list);
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	if (found && ct_ends_with(name, ".list"))
		name[strlen(name) - strlen(".list")] = '\0';
	return found;
}

/* The source package; the package's own name if that has no other. */
static void find_source(const char *root, const char *package, char source[NAME_ROOM])
{
	char path[PATH_MAX], start[NAME_ROOM + 16];
	snprintf(source, NAME_ROOM, "%s", package);
	snprintf(path, sizeof(path), "%s/var/lib/dpkg/status", root);
	snprintf(start, sizeof(start), "Package: %s\n", package);
	char *text = read_file(path), *at = text;
	while (at && (at = strstr(at, start)) && at != text && at[-1] != '\n')
		at++;
	char *end = at ? strstr(at, "\n\n") : NULL;
	if (end)
		*end = '\0';
	at = at ? strstr(at, "\nSource: ") : NULL;
	if (at)
		snprintf(source, NAME_ROOM, "%.*s", (int)strcspn(at + 9, " \n"), at + 9);
	free(text);
}

/* Nearly all debug information is in -dbgsym packages, which are made by themselves. These sources have -dbg packages.
 */
static void name_debug_package(const char *package, const char *source, char name[NAME_ROOM])
{
	const char *version = source + strspn(source, "python");
	if (!strcmp(source, "glibc"))
		snprintf(name, NAME_ROOM, "libc6-dbg");
	else if (!strncmp(source, "python", 6) && *version >= '2' && !version[strspn(version, "0123456789.")])
		snprintf(name, NAME_ROOM, "%.100s-dbg", source);
	else
		snprintf(name, NAME_ROOM, "%.100s-dbgsym", package);
}

static bool find_fedora(const char *path, char name[NAME_ROOM])
{
	static const char *const places[] = {"/usr/bin/rpm", "/bin/rpm"};
	ct_library_unload();
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char *const arguments[] = {strdupa(places[i]), "-qf", "--qf", "%{NAME}\n", strdupa(path), NULL};
		char *text = access(places[i], X_OK) == 0 ? ct_capture(arguments, (const char *const[]){NULL}) : NULL;
		size_t length = text ? strcspn(text, "\n") : 0;
		/* "file ... is not owned by any package" has blanks */
		bool found = length && length < NAME_ROOM && !memchr(text, ' ', length);
		if (found)
			snprintf(name, NAME_ROOM, "%.*s", (int)length, text);
		free(text);
		if (found)
			return true;
	}
	return false;
}

bool ct_package_command(const char *root, const char *path, char command[CT_PACKAGE_ROOM])
{
	char package[NAME_ROOM], source[NAME_ROOM], name[NAME_ROOM];
	char real[PATH_MAX];
	if (*path != '/')
		return false;
	if (!*root && realpath(path, real)) /* /usr/bin/python3 is a link, and another package's */
		path = real;
	if (is_system(root, "debian") || is_system(root, "ubuntu")) {
		if (!find_debian(root, path, package))
			return false;
		find_source(root, package, source);
		name_debug_package(package, source, name);
		bool symbols = ct_ends_with(name, "-dbgsym");
		snprintf(command, CT_PACKAGE_ROOM, "apt install %s%s", name,
			 !symbols                    ? ""
			 : is_system(root, "ubuntu") ? " (from Ubuntu's archive ddebs)"
						     : " (from Debian's archive debian-debug)");
		return true;
	}
	if (!is_system(root, "fedora") && !is_system(root, "rhel"))
		return false;
	if (!find_fedora(path, package))
		return false;
	snprintf(command, CT_PACKAGE_ROOM, "dnf debuginfo-install %s", package);
	return true;
}

const char *ct_package_nameless(const struct ct_profile *profile)
{
	uint64_t *bytes = calloc(profile->string_count + 1, sizeof(*bytes));
	size_t most = 0;
	for (size_t i = 0; i < profile->site_count && bytes; i++) {
		const struct ct_site_row *site = &profile->sites[i];
		uint32_t seen = 0;
		for (uint32_t j = 0; j < site->frame_count && j < INNERMOST; j++) {
			const struct ct_frame *frame = &profile->frames[profile->frame_ids[site->first_frame + j]];
			if (frame->function || !frame->module || frame->module == seen)
				continue;
			seen = frame->module;
			bytes[seen] += site->counters.total_bytes;
			most = bytes[seen] > bytes[most] ? seen : most;
		}
	}
	bool matters = bytes && most && bytes[most] >= profile->totals.total_bytes / SHARE;
	free(bytes);
	return matters && *profile->strings[most] == '/' ? profile->strings[most] : NULL;
}
