/* SPDX-License-Identifier: MIT */
/*
 * Reads gzip files (zstd's: load/unzstd.h): of one member or of several joined ones. A small file can unpack to a
 * thousand times its size, so what unpacks to far more than a report does is refused long before memory runs out.
 */
#ifndef CT_LOAD_UNPACK_H
#define CT_LOAD_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/*
 * A file may unpack to CT_UNPACK_FREE bytes, and beyond that to CT_UNPACK_RATIO times what has been read of it, but
 * never to more than CT_UNPACK_MAX. Our reports compress to a ninth or a thirteenth; one of 100,000 sites that differ
 * in two frames only compresses to a 137th.
 */
#define CT_UNPACK_FREE (UINT64_C(64) << 20)
#define CT_UNPACK_RATIO 150u
#define CT_UNPACK_MAX (UINT64_C(4) << 30)

/* Does a file begin like one of gzip? */
bool ct_unpack_is_gzip(const void *start, size_t bytes);

/* Unpack the first bytes only. Returns how many there are; fewer than room if the file is short or damaged. */
size_t ct_unpack_start(int fd, void *start, size_t room);

/* Unpack a whole file, of gzip or zstd, with a NUL after the last byte; free the text. 0 or < 0. */
int ct_unpack(int fd, char **text, size_t *length, struct ct_error_text *error);

#endif
