/* SPDX-License-Identifier: MIT */
/* Where libctrace.so is, and how it gets into LD_PRELOAD. */
#ifndef CT_UTIL_LIBRARY_H
#define CT_UTIL_LIBRARY_H

#include <limits.h>
#include <stdbool.h>

#include "util/error.h"

/*
 * Find the libctrace.so that belongs to the ctrace program exe (NULL: the running one) by its path relative to exe,
 * which is the same in a build tree, an installed tree and a moved one. 0 or < 0.
 */
int ct_library_find(const char *exe, char path[PATH_MAX], struct ct_error_text *error);

/* Is libctrace-copy.so beside the library? 0 or < 0. */
int ct_library_check_copy(const char *library, struct ct_error_text *error);

/*
 * The value of LD_PRELOAD with the library added in front of its present value (may be NULL); to be freed. copies: with
 * libctrace-copy.so too. NULL when out of memory.
 */
char *ct_library_preload(const char *library, bool copies, const char *present);

/* Remove both libraries from our own LD_PRELOAD, before we start a helper program of our own. */
void ct_library_unload(void);

#endif
