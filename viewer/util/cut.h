/* SPDX-License-Identifier: MIT */
/*
 * Bounds names. A short symbol or a line of a foreign file can stand for a name of any length, and a report repeats
 * names in each of its frames.
 *
 * A name above the bound loses what is nested deepest: "..." replaces the contents of inner <...> and (...). If that is
 * not enough, "..." replaces the name's middle. The cut name ends with " [0123456789abcdef]", a hash of the original,
 * so different names stay different.
 */
#ifndef CT_UTIL_CUT_H
#define CT_UTIL_CUT_H

#include <stdbool.h>
#include <stddef.h>

#define CT_CUT_NAME_MAX 4096 /* bytes, without the NUL; also the kernel's bound of a path */
#define CT_CUT_NEVER (CT_CUT_NAME_MAX / 3) /* bytes; such a name fits even if all of them are bad UTF-8 */
#define CT_CUT_HASH_LENGTH 19 /* " [0123456789abcdef]" */

/*
 * A clean (see utf8.h) copy of at most CT_CUT_NAME_MAX bytes, to be freed; NULL when out of memory. The hash is of the
 * original: what the name was made from, or the name itself.
 */
char *ct_cut_name(const char *name, size_t length, const char *original, size_t original_length);

/* The same, but the name is marked as cut even if it is short, since its maker has left parts out. */
char *ct_cut_marked(const char *name, size_t length, const char *original, size_t original_length);

/*
 * If *name, which may be NULL, is too long, replace it by a cut copy that is also put into *made, to be freed. False
 * when out of memory.
 */
bool ct_cut_if_long(const char **name, char **made);

/* The length of the name without the hash that ct_cut_name may have added. */
size_t ct_cut_length(const char *name, size_t length);

#endif
