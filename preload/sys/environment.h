/* SPDX-License-Identifier: MIT */
/* The program's environment. Only for start: later the program may be changing it. */
#ifndef CT_SYS_ENVIRONMENT_H
#define CT_SYS_ENVIRONMENT_H

#include "sys/compiler.h"

/* The variables, a NULL pointer last. */
CT_COLD char **ct_environment(void);

/* From now on, these are the variables. */
CT_COLD void ct_environment_use(char **variables);

/* The value of a variable; NULL if it is not set. */
CT_COLD const char *ct_environment_get(char **variables, const char *name);

/* A copy of NAME=VALUE; NULL if the variable is not set, or there is no memory. */
CT_COLD char *ct_environment_copy(char **variables, const char *name);

/* Does LD_PRELOAD name this library? If not, /etc/ld.so.preload does, or the stub has loaded it. */
CT_COLD bool ct_environment_preloads(char **variables);

/*
 * Add NAME=VALUE, a name that is not set, to environ. main's third argument is environ too. Not before the C library
 * has set environ.
 */
CT_COLD void ct_environment_add(const char *variable);

/* Take this library out of LD_PRELOAD, so that programs started by this one are not recorded. */
CT_COLD void ct_environment_leave(char **variables);

/* Remove all variables whose names begin with CTRACE_. */
CT_COLD void ct_environment_clear(char **variables);

#endif
