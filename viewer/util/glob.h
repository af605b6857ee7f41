/* SPDX-License-Identifier: MIT */
/* Patterns of names as in a shell: *, ?, [...]. They match the whole name. */
#ifndef CT_UTIL_GLOB_H
#define CT_UTIL_GLOB_H

#include <fnmatch.h>
#include <stdbool.h>
#include <stddef.h>

#define CT_GLOBS_MAX 32u

struct ct_globs {
	const char *globs[CT_GLOBS_MAX]; /* the caller's */
	size_t count;
};

static inline bool ct_globs_match(const struct ct_globs *globs, const char *name)
{
	for (size_t i = 0; i < globs->count; i++)
		if (fnmatch(globs->globs[i], name, 0) == 0)
			return true;
	return false;
}

#endif
