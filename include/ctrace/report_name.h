/* SPDX-License-Identifier: MIT */
/*
 * The names of reports. If a name is taken, the report gets a number before its extension, so that *.json finds it.
 * Pure; any thread.
 */
#ifndef CTRACE_REPORT_NAME_H
#define CTRACE_REPORT_NAME_H

#include <stddef.h>
#include <string.h>

#define CT_EXTENSION_MAX 10u /* letters */

/* Where the last extension of path[0, end) begins, at its dot; end if there is none. It begins with a letter. */
static inline size_t ct_last_extension(const char *path, size_t end)
{
	size_t at = end;
	while (at > 0 && path[at - 1] != '.' && path[at - 1] != '/')
		at--;
	/* not in a name such as .json */
	if (at < 2 || path[at - 1] != '.' || path[at - 2] == '/' || end - at > CT_EXTENSION_MAX ||
	    (path[at] | 0x20) < 'a' || (path[at] | 0x20) > 'z')
		return end;
	return at - 1;
}

/* The length of a path without its extension, such as .json or .pb.gz. */
static inline size_t ct_report_stem(const char *path)
{
	size_t at = ct_last_extension(path, strlen(path));
	return strcmp(path + at, ".gz") ? at : ct_last_extension(path, at);
}

#endif
