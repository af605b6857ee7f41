/* SPDX-License-Identifier: MIT */
/*
 * Reads files compressed by zstd, as heaptrack writes them. libzstd.so.1 is loaded when the first such file is opened,
 * so that ctrace can be built and used without it. The bounds are those of load/unpack.h.
 */
#ifndef CT_LOAD_UNZSTD_H
#define CT_LOAD_UNZSTD_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

/* Does a file begin like one of zstd? */
bool ct_unzstd_is(const void *start, size_t bytes);

/* Is the library there? */
bool ct_unzstd_possible(void);

/* Unpack the first bytes only. Returns how many there are; fewer than room if the file is short or damaged. */
size_t ct_unzstd_start(int fd, void *start, size_t room);

/* Unpack a whole file, with a NUL after the last byte; free the text. 0 or < 0. */
int ct_unzstd(int fd, char **text, size_t *length, struct ct_error_text *error);

#endif
