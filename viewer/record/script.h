/* SPDX-License-Identifier: MIT */
/* The #! line of a script. */
#ifndef CT_RECORD_SCRIPT_H
#define CT_RECORD_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#define CT_SCRIPT_LINE 256 /* what the kernel reads of it */

struct ct_script {
	char interpreter[CT_SCRIPT_LINE];
	char argument[CT_SCRIPT_LINE]; /* all behind the interpreter, may be empty */
};

/* Read path's first line. 0, or -1 when it names no interpreter. */
int ct_script_read(const char *path, struct ct_script *script);

/* For an interpreter that is env: the program that env is to start. */
bool ct_script_env_program(const struct ct_script *script, char *program, size_t size);

#endif
