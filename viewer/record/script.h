/* SPDX-License-Identifier: MIT */
/* Reads the #! line of a script. */
#ifndef CT_RECORD_SCRIPT_H
#define CT_RECORD_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#define CT_SCRIPT_LINE 256 /* the kernel reads no more of it */

struct ct_script {
	char interpreter[CT_SCRIPT_LINE];
	char argument[CT_SCRIPT_LINE]; /* everything after the interpreter, may be empty */
};

/* Read the first line of a file. 0, or -1 if it names no interpreter. */
int ct_script_read(const char *path, struct ct_script *script);

/* If the interpreter is env, find the program that env would start. False: it is not, or names none. */
bool ct_script_env_program(const struct ct_script *script, char *program, size_t size);

#endif
