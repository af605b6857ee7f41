/* SPDX-License-Identifier: MIT */
/*
 * The only way to stderr, one whole line at a time. Lines contain file names and user input, so control characters
 * become U+FFFD. Errors are returned as codes instead, with a line in a struct ct_error_text that the command prints.
 */
#ifndef CT_UTIL_MESSAGE_H
#define CT_UTIL_MESSAGE_H

#include <stdarg.h>

/* "ctrace: LINE" */
void ct_message(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "ctrace COMMAND: LINE" */
void ct_message_for(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ct_message_list(const char *command, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

/* From here on collect the lines, joined by "; " and without their starts, and print none. */
void ct_message_collect(void);

/* What has been collected, to be freed; NULL: nothing. From here on lines are printed again. */
char *ct_message_collected(void);

#endif
