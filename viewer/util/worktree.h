/* SPDX-License-Identifier: MIT */
/*
 * Names source files as a CI server does: relative to the working tree. That is the nearest folder upwards with a .git,
 * or else the current folder.
 */
#ifndef CT_UTIL_WORKTREE_H
#define CT_UTIL_WORKTREE_H

#include <limits.h>
#include <stdbool.h>

struct ct_worktree {
	char root[PATH_MAX]; /* without links; "" = not known, so that no file lies in it */
};

void ct_worktree_init(struct ct_worktree *tree);

/*
 * Write the file's path to out: relative to the tree if the file exists in it (returns true), otherwise as it is, cut
 * if it is too long.
 */
bool ct_worktree_path(const struct ct_worktree *tree, const char *file, char out[PATH_MAX]);

#endif
