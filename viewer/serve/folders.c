/* SPDX-License-Identifier: MIT */
#include "serve/folders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define GONE (IN_MOVED_FROM | IN_DELETE) /* while we hold a folder, only the one above it reports its end */
#define EVENTS (IN_CREATE | IN_MOVED_TO | GONE | IN_CLOSE_WRITE | IN_ONLYDIR)

int ct_folders_init(struct ct_folders *folders, ct_folder_file *found, void *context, struct ct_error_text *error)
{
	*folders = (struct ct_folders){
		.inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), .found = found, .context = context};
	return folders->inotify < 0 ? ct_error_set(error, CT_ERR_IO, "inotify: %s", strerror(errno)) : CT_OK;
}

static void close_row(struct ct_folder *row)
{
	close(row->fd);
	free(row->path);
}

void ct_folders_fini(struct ct_folders *folders)
{
	for (size_t i = 0; i < folders->count; i++)
		close_row(&folders->rows[i]);
	free(folders->rows);
	if (folders->inotify >= 0)
		close(folders->inotify);
}

/* Watch an open folder; takes fd over. The row, or NULL: errno says why not. */
static struct ct_folder *add_row(struct ct_folders *folders, int fd, const char *path, unsigned depth)
{
	char link[64];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	int watch = folders->count < CT_FOLDERS_MAX ? inotify_add_watch(folders->inotify, link, EVENTS) : -1;
	char *copy = strdup(path);
	struct ct_folder *rows =
		watch < 0 || !copy ? NULL : reallocarray(folders->rows, folders->count + 1, sizeof(*rows));
	for (size_t i = 0; i < folders->count && watch >= 0; i++)
		if (folders->rows[i].watch == watch) { /* it is there already */
			free(copy);
			close(fd);
			folders->rows = rows ? rows : folders->rows;
			errno = EEXIST;
			return NULL;
		}
	if (!rows) {
		int number = errno;
		free(copy);
		close(fd);
		folders->refused++;
		errno = number;
		return NULL;
	}
	folders->rows = rows;
	rows[folders->count] = (struct ct_folder){copy, fd, watch, depth};
	return &rows[folders->count++];
}

/* Watch a folder in this one. */
static void add_below(struct ct_folders *folders, size_t parent, const char *name)
{
	char path[PATH_MAX];
	const struct ct_folder *row = &folders->rows[parent];
	if (snprintf(path, sizeof(path), "%s/%s", row->path, name) >= (int)sizeof(path) ||
	    row->depth == CT_FOLDERS_DEPTH) {
		folders->refused++;
		return;
	}
	int fd = openat(row->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		add_row(folders, fd, path, row->depth + 1);
}

/* Find the files of a folder, and watch the folders in it. */
static void read_folder(struct ct_folders *folders, size_t index, bool fresh)
{
	int fd = openat(folders->rows[index].fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat file;
	while (listing && (entry = readdir(listing))) {
		if (entry->d_name[0] == '.' && (!entry->d_name[1] || !strcmp(entry->d_name, "..")))
			continue;
		bool is_folder = entry->d_type == DT_DIR ||
				 (entry->d_type == DT_UNKNOWN &&
				  !fstatat(fd, entry->d_name, &file, AT_SYMLINK_NOFOLLOW) && S_ISDIR(file.st_mode));
		if (is_folder)
			add_below(folders, index, entry->d_name);
		else
			folders->found(folders->context, &folders->rows[index], entry->d_name, fresh);
	}
	if (listing)
		closedir(listing);
	else if (fd >= 0)
		close(fd);
}

/* The rows that are added on the way are at the end. */
static void read_from(struct ct_folders *folders, size_t index, bool fresh)
{
	for (; index < folders->count; index++)
		read_folder(folders, index, fresh);
}

int ct_folders_add(struct ct_folders *folders, const char *path, struct ct_error_text *error)
{
	size_t before = folders->count;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return ct_error_set(error, CT_ERR_IO, "cannot watch the folder %s: %s", path, strerror(errno));
	if (!add_row(folders, fd, path, 0) && errno != EEXIST)
		return ct_error_set(error, CT_ERR_IO, "cannot watch the folder %s: %s", path, strerror(errno));
	read_from(folders, before, false);
	return CT_OK;
}

/* Forget a folder that was moved or removed, and those in it. */
static void drop(struct ct_folders *folders, const char *path)
{
	size_t kept = 0, length = strlen(path);
	for (size_t i = 0; i < folders->count; i++) {
		struct ct_folder *row = &folders->rows[i];
		if (strncmp(row->path, path, length) != 0 || (row->path[length] && row->path[length] != '/')) {
			folders->rows[kept++] = *row;
			continue;
		}
		inotify_rm_watch(folders->inotify, row->watch);
		close_row(row);
	}
	folders->count = kept;
}

static size_t find_watch(const struct ct_folders *folders, int watch)
{
	size_t i = 0;
	while (i < folders->count && folders->rows[i].watch != watch)
		i++;
	return i;
}

static void take_event(struct ct_folders *folders, const struct inotify_event *event)
{
	char path[PATH_MAX];
	size_t index = find_watch(folders, event->wd), before = folders->count;
	if (event->mask & IN_Q_OVERFLOW) {
		ct_folders_read_again(folders);
		return;
	}
	if (index == folders->count || !event->len)
		return;
	struct ct_folder *row = &folders->rows[index];
	if (event->mask & IN_ISDIR && event->mask & GONE) {
		if (snprintf(path, sizeof(path), "%s/%s", row->path, event->name) < (int)sizeof(path))
			drop(folders, path);
	} else if (event->mask & IN_ISDIR) {
		add_below(folders, index, event->name);
		read_from(folders, before, true);
	} else if (!(event->mask & GONE)) {
		folders->found(folders->context, row, event->name, true);
	}
}

void ct_folders_read_events(struct ct_folders *folders)
{
	char room[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t got;
	while ((got = read(folders->inotify, room, sizeof(room))) > 0) {
		const struct inotify_event *event;
		for (char *at = room; at < room + got; at += sizeof(*event) + event->len) {
			event = (const struct inotify_event *)at;
			take_event(folders, event);
		}
	}
}

void ct_folders_read_again(struct ct_folders *folders)
{
	folders->refused = 0; /* they are found again */
	read_from(folders, 0, false);
}
