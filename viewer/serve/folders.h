/* SPDX-License-Identifier: MIT */
/*
 * Watched folders with the folders in them, by inotify. Other users may write to them: each is held by its descriptor,
 * and no link is followed, so a folder that is replaced by a link leads nowhere.
 */
#ifndef CT_SERVE_FOLDERS_H
#define CT_SERVE_FOLDERS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

#define CT_FOLDERS_DEPTH 4 /* of folders below one that the user has named */
#define CT_FOLDERS_MAX 1000 /* of all */

struct ct_folder {
	char *path;
	int fd;
	int watch; /* of inotify */
	unsigned depth; /* 0: the user has named it */
};

/* A file of a folder was found; fresh: it has just appeared, and may have no contents yet. */
typedef void ct_folder_file(void *context, const struct ct_folder *folder, const char *name, bool fresh);

struct ct_folders {
	int inotify; /* -1: there is none */
	struct ct_folder *rows;
	size_t count;
	size_t refused; /* too deep, beyond CT_FOLDERS_MAX, or the kernel has no watch for it */
	ct_folder_file *found;
	void *context;
};

/* 0 or < 0; ct_folders_fini in both cases. */
int ct_folders_init(struct ct_folders *folders, ct_folder_file *found, void *context, struct ct_error_text *error);
void ct_folders_fini(struct ct_folders *folders);

/* Watch a folder and those in it, and find their files. 0 or < 0. */
int ct_folders_add(struct ct_folders *folders, const char *path, struct ct_error_text *error);

/* Find what has appeared since the last call. */
void ct_folders_read_events(struct ct_folders *folders);

/* Find all files once more. */
void ct_folders_read_again(struct ct_folders *folders);

#endif
