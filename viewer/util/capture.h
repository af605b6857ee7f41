/* SPDX-License-Identifier: MIT */
/* Run a program for what it writes. */
#ifndef CT_UTIL_CAPTURE_H
#define CT_UTIL_CAPTURE_H

/*
 * arguments[0] is the path. Variables ("NAME=value", NULL behind the last) come before those of the environment.
 * Returns stdout and stderr, at most 1 MiB of them, for free(); NULL when it could not be started.
 */
char *ct_capture(char *const arguments[], const char *const variables[]);

#endif
