/* SPDX-License-Identifier: MIT */
/* Where libctrace.so is, and how it gets into LD_PRELOAD. */
#ifndef CT_UTIL_LIBRARY_H
#define CT_UTIL_LIBRARY_H

#include <limits.h>
#include <stdbool.h>

#include "util/error.h"

/* Libraries that go with the first one, in the same folder. */
#define CT_LIBRARY_COPY 1u /* libctrace-copy.so */
#define CT_LIBRARY_MMAP 2u /* libctrace-mmap.so */

/*
 * Find the libctrace.so that belongs to the ctrace program exe (NULL: the running one) by its path relative to exe,
 * which is the same in a build tree, an installed tree and a moved one. 0 or < 0.
 */
int ct_library_find(const char *exe, char path[PATH_MAX], struct ct_error_text *error);

/* Is there one for musl too, so that ct_library_preload's value is right for programs of both C libraries? */
bool ct_library_is_for_musl(const char *library);

/* Are these (CT_LIBRARY_*) beside the library? 0 or < 0. */
int ct_library_check(const char *library, unsigned more, struct ct_error_text *error);

/*
 * The value of LD_PRELOAD with the library added in front of its present value (may be NULL); to be freed. more: which
 * others to add (CT_LIBRARY_*). NULL when out of memory.
 */
char *ct_library_preload(const char *library, unsigned more, const char *present);

/* Remove all our libraries from our own LD_PRELOAD, before we start a helper program of our own. */
void ct_library_unload(void);

#endif
