/* SPDX-License-Identifier: MIT */
/* Where libctrace.so is, and how it gets into LD_PRELOAD. */
#ifndef CT_UTIL_LIBRARY_H
#define CT_UTIL_LIBRARY_H

#include <limits.h>

#include "util/error.h"

/*
 * The libctrace.so that belongs to the ctrace program exe (NULL: the running one), by its place: a
 * build tree, an installed one and a moved one look the same. 0 or < 0.
 */
int ct_library_find(const char *exe, char path[PATH_MAX], struct ct_error_text *error);

/* LD_PRELOAD's value with the library in front of what is there (NULL: nothing); free(). NULL without memory. */
char *ct_library_preload(const char *library, const char *present);

/* Take the library out of our own LD_PRELOAD, before we start something that does our work. */
void ct_library_unload(void);

#endif
