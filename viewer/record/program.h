/* SPDX-License-Identifier: MIT */
/*
 * The program to record, before it runs: where it is, and whether a library can be preloaded into it.
 * Both return 0, or the exit code of `ctrace record` with its reason in error: 127 not found, 126 not
 * executable (as shells do), 2 cannot be traced.
 */
#ifndef CT_RECORD_PROGRAM_H
#define CT_RECORD_PROGRAM_H

#include <limits.h>

#include "util/error.h"

#define CT_EXIT_NOT_EXECUTABLE 126
#define CT_EXIT_NOT_FOUND 127

/* Look a name up as a shell does: as it is when it has a slash, else in PATH. */
int ct_program_find(const char *name, char path[PATH_MAX], struct ct_error_text *error);

/* The program that really runs: of a script its interpreter, or what env would start. */
void ct_target_program(const char *path, char program[PATH_MAX]);

/* Check the program, and the interpreters of a script, against the library that is to be preloaded. */
int ct_program_check(const char *path, const char *library, struct ct_error_text *error);

#endif
