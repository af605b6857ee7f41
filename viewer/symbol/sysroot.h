/* SPDX-License-Identifier: MIT */
/*
 * The folder that stands for "/" of the recorded program (--sysroot): a container's file system, another machine's. If
 * it is set, object files, their separate debug information and perf-PID.map are opened below it and nowhere else. The
 * tree may be hostile, so the kernel resolves each path: an absolute link or ".." leads to a place in the tree.
 */
#ifndef CT_SYMBOL_SYSROOT_H
#define CT_SYMBOL_SYSROOT_H

#include <stdbool.h>
#include <sys/stat.h>

#include "util/error.h"

/* From here on, look below this folder. 0, or < 0 if it is not a folder, or if the kernel is older than Linux 5.6. */
int ct_sysroot_set(const char *folder, struct ct_error_text *error);

/* The folder as it was given; NULL: there is none. */
const char *ct_sysroot(void);

/* As ct_open_regular for an absolute path, below the sysroot if there is one. */
int ct_sysroot_open(const char *path, int flags, struct stat *status);

#endif
