/* SPDX-License-Identifier: MIT */
/*
 * The folder of symbol/cache.h: CTRACE_CACHE, or ctrace/names in XDG_CACHE_HOME or in ~/.cache. CTRACE_CACHE=off means
 * none. Only a folder that belongs to us, and that only we can write to, is used.
 */
#ifndef CT_SYMBOL_CACHE_FOLDER_H
#define CT_SYMBOL_CACHE_FOLDER_H

#include <stddef.h>

/* Open the folder, and make it if it is missing. Returns its descriptor, which is to be closed, or -1. */
int ct_cache_folder_open(void);

/* Read a file of the open folder; to be freed. NULL: there is none, it is larger than `max`, or another user's. */
char *ct_cache_folder_read(int folder, const char *name, size_t max, size_t *bytes);

/*
 * Replace a file of the folder. If it is a new one, the files that were not written for longest are removed until all
 * together have at most CT_CACHE_FOLDER_MAX bytes.
 */
#define CT_CACHE_FOLDER_MAX (256u << 20)
void ct_cache_folder_write(const char *name, const char *content, size_t bytes);

#endif
