/* SPDX-License-Identifier: MIT */
/* Reads a source file, by lines. Its path comes from a recording, so only regular files of a sane size are read. */
#ifndef CT_UTIL_SOURCE_FILE_H
#define CT_UTIL_SOURCE_FILE_H

#include <stddef.h>

struct ct_source {
	char *text;
	char **lines; /* without line ends */
	size_t count;
};

/*
 * Open the file at its own path, or else in one of the folders (colon-separated, may be NULL), where the longest
 * matching end of the path is used. A relative path is also looked up in the current folder. 0, or < 0: not found.
 */
int ct_source_open(struct ct_source *source, const char *path, const char *folders);

/* Where the file is, in the same way; to be freed. NULL: not found. */
char *ct_source_path(const char *path, const char *folders);

/* The same without links, for a link to it: *place is to be freed, NULL if it is not found. 0, or < 0: out of memory.
 */
int ct_source_place(const char *path, const char *folders, char **place);

void ct_source_close(struct ct_source *source);

#endif
