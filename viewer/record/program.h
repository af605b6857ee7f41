/* SPDX-License-Identifier: MIT */
/*
 * Finds the program to record and checks whether a library can be preloaded into it, before it runs. ct_program_find
 * and ct_program_check return 0, or an exit code for `ctrace record`, with the reason in error: 127 not found, 126 not
 * executable (as in shells), 2 cannot be traced.
 */
#ifndef CT_RECORD_PROGRAM_H
#define CT_RECORD_PROGRAM_H

#include <limits.h>
#include <stddef.h>

#include "util/error.h"

#define CT_EXIT_NOT_EXECUTABLE 126
#define CT_EXIT_NOT_FOUND 127

/* Look up a name as a shell does: a name with a slash is a path, others are searched for in PATH. */
int ct_program_find(const char *name, char path[PATH_MAX], struct ct_error_text *error);

/*
 * Below, arguments are those of the command, its own name first. The position in them of the program that a loader is
 * to start (`ld.so ./app`); 0: path is not a loader, or it starts nothing.
 */
size_t ct_program_behind_loader(const char *path, char *const *arguments);

/*
 * The program that really runs: for a script, its interpreter or the program that env would start; for a loader, the
 * program named in the arguments.
 */
void ct_target_program(const char *path, char *const *arguments, char program[PATH_MAX]);

/*
 * Check whether the library can be preloaded into the program and, for a script, into its interpreters; for a loader,
 * into the program named in the arguments.
 */
int ct_program_check(const char *path, char *const *arguments, const char *library, struct ct_error_text *error);

#endif
