/* SPDX-License-Identifier: MIT */
#include "util/source_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/open.h"
#include "util/utf8.h"

#define BYTES_MAX (64 << 20)

static char *read_file(const char *path)
{
	struct stat status;
	int file = ct_open_regular(AT_FDCWD, path, 0, &status);
	if (file < 0)
		return NULL;
	bool sane = status.st_size <= BYTES_MAX;
	size_t size = sane ? (size_t)status.st_size : 0, used = 0;
	char *text = sane ? malloc(size + 1) : NULL;
	while (text && used < size) {
		ssize_t got = read(file, text + used, size - used);
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	for (size_t i = 0; i < used; i++)
		if (!text[i])
			text[i] = '?'; /* would end the text */
	if (text)
		text[used] = '\0';
	close(file);
	return text;
}

/* Is there a file that can be read? */
static bool is_file(const char *path)
{
	struct stat status;
	int file = ct_open_regular(AT_FDCWD, path, 0, &status);
	if (file >= 0)
		close(file);
	return file >= 0 && status.st_size <= BYTES_MAX;
}

/* Look in a folder for the whole path, then for the path without its first part, and so on. */
static char *find_below(const char *folder, size_t length, const char *path)
{
	while (*path) {
		char *whole;
		path += strspn(path, "/");
		if (asprintf(&whole, "%.*s/%s", (int)length, folder, path) < 0)
			return NULL;
		if (is_file(whole))
			return whole;
		free(whole);
		path += strcspn(path, "/");
	}
	return NULL;
}

char *ct_source_path(const char *path, const char *folders)
{
	char *found = *path && is_file(path) ? strdup(path) : NULL;
	while (*path && !found && folders && *folders) {
		size_t length = strcspn(folders, ":");
		found = length ? find_below(folders, length, path) : NULL;
		folders += length + (folders[length] == ':');
	}
	return found;
}

int ct_source_place(const char *path, const char *folders, char **place)
{
	errno = 0;
	char *found = ct_source_path(path, folders);
	*place = found ? realpath(found, NULL) : NULL;
	free(found);
	if (*place && !ct_utf8_is_clean(*place, strlen(*place))) {
		free(*place);
		*place = NULL;
		return 0;
	}
	return !*place && errno == ENOMEM ? -1 : 0;
}

int ct_source_open(struct ct_source *source, const char *path, const char *folders)
{
	size_t count = 1, used = 0;
	char *found = ct_source_path(path, folders);
	*source = (struct ct_source){.text = found ? read_file(found) : NULL};
	free(found);
	if (!source->text)
		return -1;
	for (const char *at = source->text; *at; at++)
		count += *at == '\n';
	source->lines = calloc(count, sizeof(*source->lines));
	if (!source->lines) {
		ct_source_close(source);
		return -1;
	}
	for (char *at = source->text; at && *at;) {
		source->lines[used++] = strsep(&at, "\n");
		size_t length = strlen(source->lines[used - 1]);
		if (length && source->lines[used - 1][length - 1] == '\r')
			source->lines[used - 1][length - 1] = '\0';
	}
	source->count = used;
	return 0;
}

void ct_source_close(struct ct_source *source)
{
	free(source->lines);
	free(source->text);
	*source = (struct ct_source){0};
}
