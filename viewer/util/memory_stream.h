/* SPDX-License-Identifier: MIT */
#ifndef CT_UTIL_MEMORY_STREAM_H
#define CT_UTIL_MEMORY_STREAM_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Close a stream of open_memstream. False when out of memory, now or earlier; then *text is NULL. glibc's fclose alone
 * does not say so: it succeeds without a text.
 */
static inline bool ct_memory_close(FILE *stream, char **text)
{
	bool good = stream && !ferror(stream);
	if (stream && (fclose(stream) || !*text))
		good = false;
	if (!good) {
		free(*text);
		*text = NULL;
	}
	return good;
}

#endif
