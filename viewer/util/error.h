/* SPDX-License-Identifier: MIT */
/*
 * The viewer's errors. A function that can fail returns a negative enum ct_error and leaves one line of text in the
 * caller's struct ct_error_text. The line names the file and says what to do. Only cmd/ prints it and exits.
 */
#ifndef CT_UTIL_ERROR_H
#define CT_UTIL_ERROR_H

enum ct_error {
	CT_OK = 0,
	CT_ERR_USAGE = -1, /* exit code 2 */
	CT_ERR_IO = -2, /* cannot open, read or write; exit code 3 */
	CT_ERR_DAMAGED = -3, /* input violates its format; exit code 3 */
	CT_ERR_MEMORY = -4, /* exit code 3 */
};

#define CT_EXIT_FINE 0
#define CT_EXIT_FINDINGS 1
#define CT_EXIT_USAGE 2
#define CT_EXIT_UNREADABLE 3

struct ct_error_text {
	char line[1024];
};

/* Format the line; returns code. */
int ct_error_set(struct ct_error_text *text, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Set the line for a lack of memory; returns CT_ERR_MEMORY. */
int ct_error_no_memory(struct ct_error_text *text);

/* Put "CONTEXT: " before the line; returns code. */
int ct_error_context(struct ct_error_text *text, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The exit code for a negative enum ct_error. */
int ct_error_exit_code(int code);

#endif
