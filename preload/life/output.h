/* SPDX-License-Identifier: MIT */
/* The names of the report and of its store. Only for start, and for the first event of a forked child. */
#ifndef CT_LIFE_OUTPUT_H
#define CT_LIFE_OUTPUT_H

#include "sys/text.h"

/* Remember the current folder, the program and the host. At start, before the program can change its folder. */
CT_COLD void ct_output_init(void);

/* The absolute path of the program; empty if /proc does not show it. */
CT_COLD const char *ct_output_exe(void);

/* Was the loader started as a program, which then started the program? */
CT_COLD bool ct_output_through_loader(void);

/* Append a path, made absolute. A relative path is relative to the program's folder at start. */
CT_COLD void ct_output_add_absolute(struct ct_text *text, const char *path);

/* Set *output to CTRACE_OUT, absolute, with its %-letters expanded for this process. */
CT_COLD void ct_output_expand(struct ct_text *output);

/* Is the output's folder in memory (tmpfs, ramfs)? */
CT_COLD bool ct_output_is_in_memory(const struct ct_text *output);

/* Set *output to the same name in $TMPDIR or /tmp, for a report whose own folder cannot be written. */
CT_COLD void ct_output_fallback(struct ct_text *output);

#endif
