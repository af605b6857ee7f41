/* SPDX-License-Identifier: MIT */
/* Text from files and programs is untrusted: bad UTF-8 and control characters become U+FFFD. */
#ifndef CT_UTIL_UTF8_H
#define CT_UTIL_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool ct_utf8_is_clean(const char *bytes, size_t length);

/* A clean, NUL-terminated copy, to be freed; NULL when out of memory. clean_length may be NULL. */
char *ct_utf8_clean(const char *bytes, size_t length, size_t *clean_length);

/* The length of the longest start of a clean text that has at most max bytes and no cut character. */
size_t ct_utf8_fit(const char *text, size_t max);

#endif
