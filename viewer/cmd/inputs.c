/* SPDX-License-Identifier: MIT */
#include "cmd/inputs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctrace/store.h"
#include "util/array.h"
#include "util/open.h"
#include "util/text.h"

#define STORE_SUFFIX ".store"
#define HEAD_BYTES 256

static int add(struct ct_inputs *inputs, const char *path, struct ct_error_text *error)
{
	char *copy = strdup(path);
	if (!copy || !ct_array_room(&inputs->paths, &inputs->room, inputs->count + 1, sizeof(*inputs->paths))) {
		free(copy);
		return ct_error_no_memory(error);
	}
	inputs->paths[inputs->count++] = copy;
	return CT_OK;
}

/* Is this file an input? JSON of other formats is not. unknown: the answer if neither name nor contents decide. */
static bool is_input(const char *path, bool unknown)
{
	char head[HEAD_BYTES + 1] = "", *start = head;
	struct stat status;
	if (stat(path, &status) < 0 || !S_ISREG(status.st_mode))
		return false;
	unknown = unknown || ct_ends_with(path, ".json") || ct_ends_with(path, STORE_SUFFIX);
	int fd = ct_open_regular(AT_FDCWD, path, 0, &status);
	if (fd < 0)
		return unknown; /* the loader will report the reason */
	ssize_t got = pread(fd, head, HEAD_BYTES, 0);
	close(fd);
	if (got >= (ssize_t)sizeof(CT_STORE_MAGIC) - 1 && !memcmp(head, CT_STORE_MAGIC, sizeof(CT_STORE_MAGIC) - 1))
		return true;
	if (!strncmp(start, "\xef\xbb\xbf", 3))
		start += 3;
	while (isspace((unsigned char)*start))
		start++;
	return *start == '{' ? strstr(start, "\"dhatFileVersion\"") != NULL : unknown;
}

static bool is_same(const char *path, const char *output)
{
	struct stat one, two;
	return output && stat(path, &one) == 0 && stat(output, &two) == 0 && one.st_dev == two.st_dev &&
	       one.st_ino == two.st_ino;
}

static int compare_entries(const struct dirent **left, const struct dirent **right)
{
	return strcmp((*left)->d_name, (*right)->d_name);
}

static int add_folder(struct ct_inputs *inputs, const char *folder, const char *output, struct ct_error_text *error)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, NULL, compare_entries), code = CT_OK;
	size_t before = inputs->count, length = strlen(folder);
	if (count < 0)
		return ct_error_set(error, CT_ERR_IO, "%s: %s", folder, strerror(errno));
	for (int i = 0; i < count; i++) {
		char *path = NULL;
		if (!code && *entries[i]->d_name != '.') {
			if (asprintf(&path, "%s%s%s", folder, length && folder[length - 1] == '/' ? "" : "/",
				     entries[i]->d_name) < 0)
				path = NULL;
			if (!path)
				code = ct_error_no_memory(error);
			else if (is_input(path, false) && !is_same(path, output))
				code = add(inputs, path, error);
		}
		free(path);
		free(entries[i]);
	}
	free(entries);
	if (!code && inputs->count == before)
		return ct_error_set(error, CT_ERR_USAGE, "%s: no report and no store in this folder", folder);
	return code;
}

static int add_path(struct ct_inputs *inputs, const char *path, const char *output, struct ct_error_text *error)
{
	struct stat status;
	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		return add_folder(inputs, path, output, error);
	if (is_same(path, output))
		return ct_error_set(error, CT_ERR_USAGE, "%s is an input; name another output with -o", path);
	return add(inputs, path, error);
}

int ct_inputs_add(struct ct_inputs *inputs, const char *word, const char *output, struct ct_error_text *error)
{
	struct stat status;
	glob_t found;
	int code = CT_OK;
	/* The loader reports a missing file. */
	if (lstat(word, &status) == 0 || !strpbrk(word, "*?["))
		return add_path(inputs, word, output, error);
	if (glob(word, 0, NULL, &found) != 0)
		return ct_error_set(error, CT_ERR_USAGE, "%s: no file has such a name", word);
	for (size_t i = 0; i < found.gl_pathc && !code; i++) {
		const char *path = found.gl_pathv[i];
		bool folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
		if ((folder || is_input(path, true)) && !is_same(path, output)) /* output may exist from last time */
			code = add_path(inputs, path, output, error);
	}
	globfree(&found);
	return code;
}

static int compare_paths(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Is this the store's own report? If the report is older, the store is from a later recording of the same name. */
static bool is_report_of(const char *report, const char *store)
{
	struct stat a, b;
	return stat(report, &a) == 0 && stat(store, &b) == 0 &&
	       (a.st_mtim.tv_sec > b.st_mtim.tv_sec ||
		(a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec >= b.st_mtim.tv_nsec));
}

int ct_inputs_drop_stores(struct ct_inputs *inputs, struct ct_error_text *error)
{
	char **sorted = malloc((inputs->count + 1) * sizeof(*sorted));
	bool *told = calloc(inputs->count + 1, sizeof(*told));
	size_t kept = 0, count = inputs->count;
	if (sorted && told) {
		memcpy(sorted, inputs->paths, count * sizeof(*sorted));
		qsort(sorted, count, sizeof(*sorted), compare_paths);
		for (size_t i = 0; i < count; i++) {
			char *path = inputs->paths[i], *report;
			if (!ct_ends_with(path, STORE_SUFFIX))
				continue;
			report = strndup(path, strlen(path) - strlen(STORE_SUFFIX));
			told[i] = report && bsearch(&report, sorted, count, sizeof(*sorted), compare_paths) &&
				  is_report_of(report, path);
			free(report);
		}
		for (size_t i = 0; i < count; i++) {
			if (told[i])
				free(inputs->paths[i]);
			else
				inputs->paths[kept++] = inputs->paths[i];
		}
		inputs->count = kept;
	}
	int code = sorted && told ? (int)(count - kept) : ct_error_no_memory(error);
	free(sorted);
	free(told);
	return code;
}

void ct_inputs_fini(struct ct_inputs *inputs)
{
	for (size_t i = 0; i < inputs->count; i++)
		free(inputs->paths[i]);
	free(inputs->paths);
}
