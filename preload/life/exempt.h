/* SPDX-License-Identifier: MIT */
/*
 * Processes that are never recorded, however the library was loaded.
 *
 * Privileged programs (AT_SECURE: set-user-ID, set-group-ID, file capabilities). Their caller chose their environment,
 * and must not thereby choose a file that they create or a program that they start. In such a process nothing is read,
 * created or printed. Programs that it starts find none of our variables, just as the C library treats LD_PRELOAD and
 * TMPDIR.
 *
 * Our own programs: the exporter and everything it starts. Otherwise an exporter would start an exporter in turn. Any
 * one of three marks is enough:
 *   CTRACE_EXPORTER in the environment, which a wrapper script passes on if it sets LD_PRELOAD again;
 *   the exporter's timer slack, which the kernel passes on to all descendants even if the environment is emptied;
 *   the note in the ctrace program itself (ctrace/note.h), unless LD_PRELOAD asks for ctrace to be recorded.
 */
#ifndef CT_LIFE_EXEMPT_H
#define CT_LIFE_EXEMPT_H

#include "sys/compiler.h"

#define CT_EXPORTER_VARIABLE "CTRACE_EXPORTER"
#define CT_EXPORTER_SLACK_NS 50477 /* the kernel's default is 50000; no program sets exactly this value */

/* Is this process one of them? At start, before anything else in the process is read. */
CT_COLD bool ct_exempt(char **variables);

/* Mark a process that is about to become an exporter. */
CT_COLD void ct_exempt_mark(void);

#endif
