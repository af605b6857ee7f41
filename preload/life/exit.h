/* SPDX-License-Identifier: MIT */
/*
 * The end of the recorded process: the exporter is found at start, while paths are still what they were, and run when
 * the program ends.
 */
#ifndef CT_LIFE_EXIT_H
#define CT_LIFE_EXIT_H

#include "sys/compiler.h"

/* Find the exporter and remember what stderr is; register for the program's end. At start. */
CT_COLD void ct_exit_init(void);

/* The program ends: publish the end, run the exporter, wait for it. Once. */
CT_COLD void ct_finish(void);

/* A program that has put itself into a sandbox may be killed there for a new process. */
CT_COLD bool ct_exporter_is_forbidden(void);

/* Run `ctrace` with these arguments and wait for it: its exit status, or -1 when it did not run to its end. */
CT_COLD int ct_exporter_run(const char *const *arguments);

/* Absolute path of this library. */
CT_COLD const char *ct_library_path(void);

#endif
