/* SPDX-License-Identifier: MIT */
/* The program's environment, at start: nothing may read it later, when the program changes it. */
#ifndef CT_SYS_ENVIRONMENT_H
#define CT_SYS_ENVIRONMENT_H

#include "sys/compiler.h"

/* The variables, NULL at the end. */
CT_COLD char **ct_environment(void);

/* A variable's value; NULL: it is not there. */
CT_COLD const char *ct_environment_get(char **variables, const char *name);

/* Does LD_PRELOAD name this library? Else it came by /etc/ld.so.preload. */
CT_COLD bool ct_environment_preloads(char **variables);

/* Take this library out of LD_PRELOAD: programs started by this one are not recorded. */
CT_COLD void ct_environment_leave(char **variables);

/* Remove all variables of ctrace. */
CT_COLD void ct_environment_clear(char **variables);

#endif
