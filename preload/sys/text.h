/* SPDX-License-Identifier: MIT */
/* Text without stdio: a bounded buffer that truncates, and one line on stderr. */
#ifndef CT_SYS_TEXT_H
#define CT_SYS_TEXT_H

#include "sys/compiler.h"

#define CT_PATH_MAX 4096u

struct ct_text {
	size_t length;
	bool cut; /* something did not fit */
	char bytes[CT_PATH_MAX]; /* always ended by NUL */
};

CT_COLD void ct_text_clear(struct ct_text *text);
CT_COLD void ct_text_add(struct ct_text *text, const char *string);
CT_COLD void ct_text_add_bytes(struct ct_text *text, const char *bytes, size_t length);
CT_COLD void ct_text_add_number(struct ct_text *text, uint64_t number);

/* The last component of a path. */
CT_COLD const char *ct_base_name(const char *path);

/* Parse a whole decimal number; false: not a number. */
CT_COLD bool ct_parse_number(const char *string, uint64_t *number);

/* The same with a suffix: k, m or g, times 1024 each. */
CT_COLD bool ct_parse_bytes(const char *string, uint64_t *bytes);

/* Remember what stderr is; at start. */
CT_COLD void ct_say_init(void);

/* It still is: a program that closed its stderr may have a file of its own there now. */
CT_COLD bool ct_say_is_heard(void);

/* "ctrace: A B C\n" on stderr, in one write, if it still is what it was. Any may be NULL. */
CT_COLD void ct_say(const char *a, const char *b, const char *c);

#endif
