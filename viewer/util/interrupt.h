/* SPDX-License-Identifier: MIT */
/*
 * On Ctrl-C, SIGTERM or SIGHUP a long command ends at once: its temporary files are removed, and a line says how to go
 * on. A signal that is ignored, as under nohup, stays so.
 */
#ifndef CT_UTIL_INTERRUPT_H
#define CT_UTIL_INTERRUPT_H

#include <stddef.h>

/*
 * end: ends the process in its own way, and is called in the signal's handler; NULL: exit with 128 and the signal.
 * Inside work that has begun already, only that one's end counts.
 */
void ct_interrupt_begin(void (*end)(void));

/* From here on, the signals have the effect that they had before. */
void ct_interrupt_end(void);

/* The line of the next interruption, after "ctrace: "; NULL: none. */
void ct_interrupt_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Remove this file, which may not exist yet, in an interruption. Returns a slot for ct_interrupt_keep. */
size_t ct_interrupt_remove(const char *path);
void ct_interrupt_keep(size_t slot);

#endif
