/* SPDX-License-Identifier: MIT */
/*
 * Processes that are never recorded, wherever the library comes from.
 *
 * Privileged ones (AT_SECURE: set-user-ID, set-group-ID, file capabilities): their caller chose their environment, and
 * must choose neither a file that they make nor a program that they start. Nothing is read, made or
 * said there, and what they start finds no variable of ours, as the C library has it with LD_PRELOAD and TMPDIR.
 *
 * Ours: the exporter, and all that it starts, or it would start an exporter in its turn. Three marks, each of which is
 * enough:
 *   CTRACE_EXPORTER in the environment, which a wrapper script passes on when it sets LD_PRELOAD again;
 *   the exporter's timer slack, which the kernel passes on to all descendants even when the environment is emptied;
 *   the note in the ctrace program itself (ctrace/note.h), where LD_PRELOAD does not ask for it to be recorded.
 */
#ifndef CT_LIFE_EXEMPT_H
#define CT_LIFE_EXEMPT_H

#include "sys/compiler.h"

#define CT_EXPORTER_VARIABLE "CTRACE_EXPORTER"
#define CT_EXPORTER_SLACK_NS 50477 /* the kernel's default is 50000; no program sets it to just this */

/* At start, before anything else of the process is looked at. */
CT_COLD bool ct_exempt(char **variables);

/* In a process that is about to become an exporter. */
CT_COLD void ct_exempt_mark(void);

#endif
