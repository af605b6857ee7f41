/* SPDX-License-Identifier: MIT */
#include "symbol/cache_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/array.h"
#include "util/open.h"
#include "util/text.h"
#include "util/write.h"

#define TEMPORARY ".tmp"
#define ABANDONED_S 3600 /* age of a temporary file whose writer has ended */
#define PART_KEPT(bytes) ((bytes) / 4 * 3)

struct kept_file {
	char *name;
	time_t written;
	uint64_t bytes;
};

/* Does the folder belong to us, and can only we write to it? Closes the descriptor if not. */
static int check_folder(int folder, mode_t forbidden)
{
	struct stat status;
	if (folder < 0 || (fstat(folder, &status) == 0 && status.st_uid == geteuid() && !(status.st_mode & forbidden)))
		return folder;
	close(folder);
	return -1;
}

/* Open a folder inside another one, which is closed, and make it if it is missing. */
static int enter(int parent, const char *name, int flags)
{
	if (parent < 0)
		return -1;
	int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
	if (folder < 0 && errno == ENOENT && mkdirat(parent, name, 0700) == 0)
		folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
	close(parent);
	return check_folder(folder, S_IWGRP | S_IWOTH);
}

static int open_absolute(const char *path)
{
	return path && *path == '/' ? check_folder(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), S_IWOTH) : -1;
}

int ct_cache_folder_open(void)
{
	const char *chosen = getenv("CTRACE_CACHE"), *common = getenv("XDG_CACHE_HOME");
	if (chosen && *chosen)
		return open_absolute(chosen);
	int folder = common && *common ? open_absolute(common) : enter(open_absolute(getenv("HOME")), ".cache", 0);
	return enter(enter(folder, "ctrace", O_NOFOLLOW), "names", O_NOFOLLOW);
}

char *ct_cache_folder_read(int folder, const char *name, size_t max, size_t *bytes)
{
	struct stat status;
	int fd = ct_open_regular(folder, name, O_NOFOLLOW, &status);
	if (fd < 0)
		return NULL;
	char *content = NULL;
	if (status.st_uid == geteuid() && status.st_size > 0 && (uint64_t)status.st_size <= max)
		content = malloc((size_t)status.st_size);
	*bytes = 0;
	ssize_t got = 1;
	while (content && got > 0 && *bytes < (size_t)status.st_size) {
		got = read(fd, content + *bytes, (size_t)status.st_size - *bytes);
		*bytes += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	return content;
}

static int oldest_first(const void *left, const void *right)
{
	const struct kept_file *a = left, *b = right;
	return a->written < b->written ? -1 : a->written > b->written;
}

/* Note a file of the folder. A temporary file whose writer has ended is removed. */
static bool note_file(int folder, const char *name, struct kept_file *file)
{
	struct stat status;
	if (*name == '.' || fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
		return false;
	if (ct_ends_with(name, TEMPORARY)) {
		if (status.st_mtime + ABANDONED_S < time(NULL))
			unlinkat(folder, name, 0);
		return false;
	}
	*file = (struct kept_file){strdup(name), status.st_mtime, (uint64_t)status.st_size};
	return file->name != NULL;
}

static void remove_oldest(int folder)
{
	struct kept_file *files = NULL;
	size_t count = 0, room = 0;
	uint64_t total = 0;
	int again = dup(folder);
	DIR *directory = again < 0 ? NULL : fdopendir(again);
	if (!directory && again >= 0)
		close(again);
	struct dirent *entry;
	while (directory && (entry = readdir(directory)) && ct_array_room(&files, &room, count + 1, sizeof(*files)))
		if (note_file(folder, entry->d_name, &files[count]))
			total += files[count++].bytes;
	if (directory)
		closedir(directory);
	bool full = total > CT_CACHE_FOLDER_MAX;
	if (full)
		qsort(files, count, sizeof(*files), oldest_first);
	for (size_t i = 0; i < count; i++) {
		if (full && total > PART_KEPT(CT_CACHE_FOLDER_MAX) && unlinkat(folder, files[i].name, 0) == 0)
			total -= files[i].bytes;
		free(files[i].name);
	}
	free(files);
}

void ct_cache_folder_write(const char *name, const char *content, size_t bytes)
{
	char temporary[NAME_MAX + 1];
	struct stat before;
	int folder = ct_cache_folder_open();
	if (folder < 0)
		return;
	snprintf(temporary, sizeof(temporary), "%.200s.%d" TEMPORARY, name, (int)getpid());
	int fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool done = fd >= 0 && ct_write_all(fd, content, bytes);
	if (fd >= 0 && close(fd) != 0)
		done = false;
	bool is_new = done && fstatat(folder, name, &before, AT_SYMLINK_NOFOLLOW) != 0;
	if (fd >= 0 && (!done || renameat(folder, temporary, folder, name) != 0))
		unlinkat(folder, temporary, 0);
	if (is_new)
		remove_oldest(folder);
	close(folder);
}
