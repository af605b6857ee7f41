/* SPDX-License-Identifier: MIT */
/*
 * Patterns from the command line: POSIX extended regular expressions, which may match anywhere in a text. A text
 * matches if any pattern does.
 */
#ifndef CT_UTIL_PATTERN_H
#define CT_UTIL_PATTERN_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

struct ct_pattern {
	regex_t compiled;
	const char *text; /* the caller's; it must outlive the pattern */
};

struct ct_patterns {
	struct ct_pattern *rows;
	size_t count;
	size_t room;
};

/* Add a pattern. 0, or < 0 with a line that names the option. */
int ct_patterns_add(struct ct_patterns *patterns, const char *option, const char *text, struct ct_error_text *error);

bool ct_patterns_match(const struct ct_patterns *patterns, const char *text);

void ct_patterns_fini(struct ct_patterns *patterns);

#endif
