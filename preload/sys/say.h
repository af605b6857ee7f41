/* SPDX-License-Identifier: MIT */
/*
 * Lines on stderr. A program's stderr may be a pipe that its parent reads, or a file that is kept, and our lines must
 * not be in there. So of all the processes that one recorded process starts, a process speaks only where its stderr is
 * the file that the first process had as its stderr at its start: the same device and inode. The first process passes
 * them on in the environment. A process whose stderr is another file is silent: `ctrace record` collects its lines in
 * the file of notes, and prints them at the end.
 *
 * Any thread, cold.
 */
#ifndef CT_SYS_SAY_H
#define CT_SYS_SAY_H

#include "sys/compiler.h"

/* At start: find out where lines may go. Until then everything is said. */
CT_COLD void ct_say_init(char **variables);

/* Once environ is set, and before main: pass on to other programs where lines may go. */
CT_COLD void ct_say_pass_on(void);

/* Is stderr at this moment the file where lines may go? */
CT_COLD bool ct_say_is_heard(void);

/* The file of notes; empty: there is none. */
CT_COLD const char *ct_say_notes(void);

/*
 * Leave this store to a `ctrace record` that waits for the end of its program: it exports the store in these formats.
 * False: there is none, or it has been killed.
 */
CT_COLD bool ct_say_left(const char *store, const char *formats);

/* Print "ctrace: ABC\n" to stderr if that is heard, else write a note. One write. Each of the three may be NULL. */
CT_COLD void ct_say(const char *a, const char *b, const char *c);

#endif
