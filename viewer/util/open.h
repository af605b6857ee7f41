/* SPDX-License-Identifier: MIT */
/*
 * How an input is opened: a regular file, or not at all. A pipe is not waited for, and a terminal does not become ours,
 * also where one has come to a name that was a file a moment ago.
 */
#ifndef CT_UTIL_OPEN_H
#define CT_UTIL_OPEN_H

#include <sys/stat.h>

/*
 * Open a regular file to read; a name is relative to `folder` (AT_FDCWD), flags: 0 or O_NOFOLLOW. Its descriptor; -1
 * with errno.
 */
int ct_open_regular(int folder, const char *path, int flags, struct stat *status);

/* Why that failed, by errno. */
const char *ct_open_problem(void);

#endif
