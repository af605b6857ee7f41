/* SPDX-License-Identifier: MIT */
/*
 * Text without stdio: a bounded buffer that truncates. Any thread, cold. A struct ct_text takes 4 KiB of stack.
 */
#ifndef CT_SYS_TEXT_H
#define CT_SYS_TEXT_H

#include "sys/compiler.h"

#define CT_PATH_MAX 4096u

struct ct_text {
	size_t length; /* without the NUL */
	bool cut; /* something did not fit */
	char bytes[CT_PATH_MAX]; /* always NUL-terminated */
};

CT_COLD void ct_text_clear(struct ct_text *text);
CT_COLD void ct_text_add(struct ct_text *text, const char *string);
CT_COLD void ct_text_add_bytes(struct ct_text *text, const char *bytes, size_t length);
CT_COLD void ct_text_add_number(struct ct_text *text, uint64_t number);

/* For work at start, and when a sleeping process wakes: one thread at a time. A static text of one's own is a page. */
extern struct ct_text ct_text_scratch;

/* A copy of the text that stays; "" if there is no memory. */
CT_COLD const char *ct_text_keep(const struct ct_text *text);

/* The last component of a path. */
CT_COLD const char *ct_base_name(const char *path);

/* Parse a string that is one decimal number. False: it is not, or is too large. */
CT_COLD bool ct_parse_number(const char *string, uint64_t *number);

/* The same with an optional suffix: k, m or g for 1024, 1024^2 or 1024^3. */
CT_COLD bool ct_parse_bytes(const char *string, uint64_t *bytes);

#endif
