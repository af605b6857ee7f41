/* SPDX-License-Identifier: MIT */
/*
 * Opens an input only if it is a regular file. Opening never blocks on a pipe and never makes a terminal our
 * controlling terminal, even if a pipe or terminal has just replaced a file of that name.
 */
#ifndef CT_UTIL_OPEN_H
#define CT_UTIL_OPEN_H

#include <stdbool.h>
#include <sys/stat.h>

/*
 * Open a regular file for reading. A relative path starts at `folder` (or AT_FDCWD). flags is 0 or O_NOFOLLOW. Returns
 * the descriptor, or -1 with errno.
 */
int ct_open_regular(int folder, const char *path, int flags, struct stat *status);

/*
 * The same for a path below `root`, which stands for "/": no link and no ".." leads out of it. Needs openat2, which not
 * every kernel and container has.
 */
int ct_open_regular_in(int root, const char *path, int flags, struct stat *status);

/* Does ct_open_regular_in work with this folder? If not, errno says why. */
bool ct_open_has_roots(int root);

/* Why one of these failed, from errno. */
const char *ct_open_problem(void);

#endif
