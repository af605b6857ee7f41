/* SPDX-License-Identifier: MIT */
#include "cmd/inputs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/export.h"
#include "load/input.h"
#include "record/processes.h"
#include "util/array.h"
#include "util/open.h"
#include "util/text.h"

#define STORE_SUFFIX ".store"
#define PACKED_SUFFIX ".gz"
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

/*
 * Is this file an input, perhaps compressed? JSON of other formats is not. unknown: the answer if neither name nor
 * contents decide.
 */
static bool is_input(const char *path, bool unknown)
{
	char head[HEAD_BYTES + 1] = "";
	struct stat status;
	bool packed;
	if (stat(path, &status) < 0 || !S_ISREG(status.st_mode))
		return false;
	unknown = unknown || ct_ends_with(path, ".json") || ct_ends_with(path, ".json" PACKED_SUFFIX) ||
		  ct_ends_with(path, STORE_SUFFIX);
	int fd = ct_open_regular(AT_FDCWD, path, 0, &status);
	if (fd < 0)
		return unknown; /* the loader will report the reason */
	ssize_t got = ct_input_start(fd, head, HEAD_BYTES, &packed);
	close(fd);
	size_t bytes = got > 0 ? (size_t)got : 0;
	if (ct_input_is_store(head, bytes))
		return true;
	const char *json = ct_input_json(head, bytes);
	return json ? strstr(json, "\"dhatFileVersion\"") != NULL : unknown;
}

bool ct_inputs_fits(const char *path)
{
	return is_input(path, false);
}

static bool is_same(const char *path, const char *output)
{
	return output && ct_export_same_file(path, output);
}

static int compare_entries(const struct dirent **left, const struct dirent **right)
{
	return strcmp((*left)->d_name, (*right)->d_name);
}

/* levels: how many levels of folders below this one are looked into, if there is nothing above them. */
static int add_folder(struct ct_inputs *inputs, const char *folder, int levels, const char *output,
		      struct ct_error_text *error);

/* A folder of recordings, each of which is a folder. */
static int add_folders(struct ct_inputs *inputs, const char *folder, struct dirent **entries, int count,
		       const char *output, struct ct_error_text *error)
{
	int code = CT_OK;
	for (int i = 0; i < count && !code; i++) {
		struct stat status;
		char *path;
		if (*entries[i]->d_name == '.')
			continue;
		if (asprintf(&path, "%s/%s", folder, entries[i]->d_name) < 0)
			return ct_error_no_memory(error);
		if (stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
			code = add_folder(inputs, path, 0, output, error);
			code = code == CT_ERR_USAGE ? CT_OK : code;
		}
		free(path);
	}
	return code;
}

static int add_folder(struct ct_inputs *inputs, const char *folder, int levels, const char *output,
		      struct ct_error_text *error)
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
	}
	if (!code && inputs->count == before && levels)
		code = add_folders(inputs, folder, entries, count, output, error);
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	if (!code && inputs->count == before)
		return ct_error_set(error, CT_ERR_USAGE, "%s: no report and no store in this folder", folder);
	return code;
}

/* Is it the list of a recording's processes? It lies beside their reports, so the shell's *.json names it, too. */
static bool is_process_list(const char *path)
{
	char head[HEAD_BYTES + 1] = "";
	struct stat status;
	bool packed;
	int fd = ct_open_regular(AT_FDCWD, path, 0, &status);
	ssize_t got = fd < 0 ? 0 : ct_input_start(fd, head, HEAD_BYTES, &packed);
	if (fd >= 0)
		close(fd);
	return got > 0 && !strncmp(head, CT_PROCESSES_HEAD, strlen(CT_PROCESSES_HEAD));
}

static int add_path(struct ct_inputs *inputs, const char *path, int levels, const char *output,
		    struct ct_error_text *error)
{
	struct stat status;
	if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		return add_folder(inputs, path, levels, output, error);
	if (is_same(path, output))
		return ct_error_set(error, CT_ERR_USAGE, "%s is an input; name another output with -o", path);
	if (is_process_list(path))
		return CT_OK;
	return add(inputs, path, error);
}

static int add_word(struct ct_inputs *inputs, const char *word, int levels, const char *output,
		    struct ct_error_text *error)
{
	struct stat status;
	glob_t found;
	int code = CT_OK;
	/* The loader reports a missing file. */
	if (lstat(word, &status) == 0 || !strpbrk(word, "*?["))
		return add_path(inputs, word, levels, output, error);
	if (glob(word, 0, NULL, &found) != 0)
		return ct_error_set(error, CT_ERR_USAGE, "%s: no file has such a name", word);
	for (size_t i = 0; i < found.gl_pathc && !code; i++) {
		const char *path = found.gl_pathv[i];
		bool folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
		if ((folder || is_input(path, true)) && !is_same(path, output)) /* output may exist from last time */
			code = add_path(inputs, path, levels, output, error);
	}
	globfree(&found);
	return code;
}

int ct_inputs_add(struct ct_inputs *inputs, const char *word, const char *output, struct ct_error_text *error)
{
	return add_word(inputs, word, 1, output, error);
}

int ct_inputs_add_folder(struct ct_inputs *inputs, const char *folder, struct ct_error_text *error)
{
	return add_folder(inputs, folder, 0, NULL, error);
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

/* Does the gzip file hold as many bytes as the other one? Its last four bytes say how many it holds. */
static bool is_packed_copy(const char *original, const char *packed)
{
	unsigned char tail[4];
	struct stat status, packed_status;
	int fd = ct_open_regular(AT_FDCWD, packed, 0, &packed_status);
	if (fd < 0)
		return false;
	bool read = pread(fd, tail, sizeof(tail), packed_status.st_size - (off_t)sizeof(tail)) == sizeof(tail);
	close(fd);
	return read && stat(original, &status) == 0 &&
	       (uint32_t)status.st_size ==
		       (tail[0] | (uint32_t)tail[1] << 8 | (uint32_t)tail[2] << 16 | (uint32_t)tail[3] << 24);
}

struct sorted {
	char **paths;
	size_t count;
};

/* Is path without its last `cut` bytes, but with the suffix, among the inputs? If so, name is that. */
static bool has(const struct sorted *sorted, const char *path, size_t cut, const char *suffix, char name[PATH_MAX])
{
	int length = snprintf(name, PATH_MAX, "%.*s%s", (int)(strlen(path) - cut), path, suffix);
	return length > 0 && length < PATH_MAX &&
	       bsearch(&name, sorted->paths, sorted->count, sizeof(*sorted->paths), compare_paths);
}

/* Is the same recording among the inputs in another form? The plain report is the one that is kept. */
static bool is_twin(const struct sorted *sorted, const char *path)
{
	char name[PATH_MAX];
	size_t store = strlen(STORE_SUFFIX), packed = strlen(PACKED_SUFFIX);
	if (ct_ends_with(path, STORE_SUFFIX))
		return (has(sorted, path, store, "", name) && is_report_of(name, path)) ||
		       (has(sorted, path, store, PACKED_SUFFIX, name) && is_report_of(name, path));
	return ct_ends_with(path, PACKED_SUFFIX) && has(sorted, path, packed, "", name) && is_packed_copy(name, path);
}

int ct_inputs_drop_twins(struct ct_inputs *inputs, struct ct_error_text *error)
{
	struct sorted sorted = {malloc((inputs->count + 1) * sizeof(char *)), inputs->count};
	bool *twins = calloc(inputs->count + 1, sizeof(*twins));
	size_t kept = 0, count = inputs->count;
	if (sorted.paths && twins) {
		memcpy(sorted.paths, inputs->paths, count * sizeof(*sorted.paths));
		qsort(sorted.paths, count, sizeof(*sorted.paths), compare_paths);
		for (size_t i = 0; i < count; i++)
			twins[i] = is_twin(&sorted, inputs->paths[i]);
		for (size_t i = 0; i < count; i++) {
			if (twins[i])
				free(inputs->paths[i]);
			else
				inputs->paths[kept++] = inputs->paths[i];
		}
		inputs->count = kept;
	}
	int code = sorted.paths && twins ? (int)(count - kept) : ct_error_no_memory(error);
	free(sorted.paths);
	free(twins);
	return code;
}

void ct_inputs_fini(struct ct_inputs *inputs)
{
	for (size_t i = 0; i < inputs->count; i++)
		free(inputs->paths[i]);
	free(inputs->paths);
}
