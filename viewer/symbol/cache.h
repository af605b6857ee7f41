/* SPDX-License-Identifier: MIT */
/*
 * The names of an object file's addresses, kept between runs. Looking names up costs most of a short program's report:
 * libc's debug information alone takes 50 ms to unpack.
 *
 * Each object has a file in a folder of its user, named by its build-id and path. The file holds the frames of the
 * addresses that were looked up so far, and the size, times and inode of each file that they depend on: the object and
 * its debug information, also where that is missing. If one of these has changed, nothing of the file is used. A
 * damaged file, one of another version or one of another user is the same as none. Files are replaced as a whole, so
 * several processes may use the folder at once.
 */
#ifndef CT_SYMBOL_CACHE_H
#define CT_SYMBOL_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbol/symbol.h"

#define CT_CACHE_BUILD_ID_MIN 8 /* a build-id of this many bytes cannot be guessed */

struct ct_cache;

/*
 * The names of the object with this build-id (CT_CACHE_BUILD_ID_MIN bytes or more) and path. `reader` is the version
 * of what looks names up. NULL: there is no folder for them, or no memory.
 */
struct ct_cache *ct_cache_open(const uint8_t *build_id, size_t build_id_bytes, const char *path, const char *reader);

/* Does it hold names, and is every file that they depend on unchanged? Then the object has its build-id, too. */
bool ct_cache_is_valid(const struct ct_cache *cache);

/* False: the address was never looked up. The texts are valid until the next ct_cache_add. */
bool ct_cache_find(const struct ct_cache *cache, uint64_t address, struct ct_symbol_frame *frames, size_t max,
		   size_t *count);

/* The names depend on the file at this path, or on its absence. */
void ct_cache_depend(struct ct_cache *cache, const char *path);
void ct_cache_add(struct ct_cache *cache, uint64_t address, const struct ct_symbol_frame *frames, size_t count);

/* Write what was added, unless this fails or is not wanted, and free the cache (may be NULL). */
void ct_cache_close(struct ct_cache *cache, bool write);

#endif
