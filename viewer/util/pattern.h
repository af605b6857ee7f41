/* SPDX-License-Identifier: MIT */
/* Patterns of a command line: POSIX extended regular expressions that may match anywhere; one of them is enough. */
#ifndef CT_UTIL_PATTERN_H
#define CT_UTIL_PATTERN_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

struct ct_pattern {
	regex_t compiled;
	const char *text; /* the caller's, who keeps it */
};

struct ct_patterns {
	struct ct_pattern *rows;
	size_t count;
	size_t room;
};

/* 0, or < 0 with a line that names the option. */
int ct_patterns_add(struct ct_patterns *patterns, const char *option, const char *text, struct ct_error_text *error);

bool ct_patterns_match(const struct ct_patterns *patterns, const char *text);

void ct_patterns_fini(struct ct_patterns *patterns);

#endif
