/* SPDX-License-Identifier: MIT */
/* Runs a program and captures its output. */
#ifndef CT_UTIL_CAPTURE_H
#define CT_UTIL_CAPTURE_H

/*
 * Run arguments[0], a path. variables ("NAME=value", NULL after the last) override the environment. Returns stdout and
 * stderr, at most 1 MiB together, to be freed; NULL if the program could not be started.
 */
char *ct_capture(char *const arguments[], const char *const variables[]);

#endif
