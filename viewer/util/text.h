/* SPDX-License-Identifier: MIT */
#ifndef CT_UTIL_TEXT_H
#define CT_UTIL_TEXT_H

#include <stdbool.h>
#include <string.h>

/* Whether the text ends with `end` and has something before it. */
static inline bool ct_ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);
	return length > end_length && !strcmp(text + length - end_length, end);
}

#endif
