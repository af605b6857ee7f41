/* SPDX-License-Identifier: MIT */
/* A file of source, by lines. Its path comes from a recording: only regular files of a sane size are read. */
#ifndef CT_VIEW_SOURCE_FILE_H
#define CT_VIEW_SOURCE_FILE_H

#include <stddef.h>

struct ct_source {
	char *text;
	char **lines; /* without their ends */
	size_t count;
};

/*
 * The file at its own path, else in one of the folders (colons between them; NULL = none): there with as much of
 * its path as fits. A path that is relative is looked for in the current folder, too. 0, or < 0: there is none.
 */
int ct_source_open(struct ct_source *source, const char *path, const char *folders);
void ct_source_close(struct ct_source *source);

#endif
