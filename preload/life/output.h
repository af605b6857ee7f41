/* SPDX-License-Identifier: MIT */
/* Names: of the report and of its store. */
#ifndef CT_LIFE_OUTPUT_H
#define CT_LIFE_OUTPUT_H

#include "sys/text.h"

/* Remember folder, program and host; at start, before the program can change its folder. */
CT_COLD void ct_output_init(void);

/* Absolute path of the program. */
CT_COLD const char *ct_output_exe(void);

/* Append a path; a relative one below the program's folder at start, whatever folder it is in later. */
CT_COLD void ct_output_add_absolute(struct ct_text *text, const char *path);

/* CTRACE_OUT with its %-letters filled in for this process, absolute. */
CT_COLD void ct_output_expand(struct ct_text *output);

/* The same name in $TMPDIR or /tmp, for when its own folder cannot be written. */
CT_COLD void ct_output_fallback(struct ct_text *output);

#endif
