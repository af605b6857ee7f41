/* SPDX-License-Identifier: MIT */
/*
 * The end of the recorded process. The exporter is found at start, while paths still mean what they meant then, and is
 * run when the program ends.
 */
#ifndef CT_LIFE_EXIT_H
#define CT_LIFE_EXIT_H

#include "sys/compiler.h"

/* Find the exporter and what it needs of the environment, and register for the program's end. At start. */
CT_COLD void ct_exit_init(char **variables);

/* The program ends: publish the end, run the exporter, and wait for it. Does so only once. Any thread. */
CT_COLD void ct_finish(void);

/* Is it unsafe to start a process? A program that has put itself in a sandbox may be killed for that. */
CT_COLD bool ct_exporter_is_forbidden(void);

/* Run `ctrace` with these arguments and wait for it. Returns its exit status, or -1 if it did not run or was killed. */
CT_COLD int ct_exporter_run(const char *const *arguments);

/* The absolute path of this library. */
CT_COLD const char *ct_library_path(void);

#endif
