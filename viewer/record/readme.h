/* SPDX-License-Identifier: MIT */
/* The parts of a recording folder's README.md: Markdown that reads well as it stands. */
#ifndef CT_RECORD_README_H
#define CT_RECORD_README_H

#include <stdio.h>
#include <time.h>

#include "model/profile.h"
#include "util/error.h"
#include "write/format.h"

/* Title, command, when and where, how it ended (a status of waitpid). 0 or < 0. */
int ct_readme_head(FILE *out, char **arguments, time_t start, int status, struct ct_error_text *error);

/* A process: losses, totals, peak, its largest sites. 0 or < 0. */
int ct_readme_process(FILE *out, const struct ct_profile *profile, struct ct_error_text *error);

/* A file of it: what it is, what opens it. */
void ct_readme_file(FILE *out, const char *name, const struct ct_format *format);

/* A format that this recording cannot give, and why. */
void ct_readme_no_file(FILE *out, const struct ct_format *format, const char *reason);

/* The table of the children: its head, and a row; name is that of the report. */
void ct_readme_children(FILE *out);
void ct_readme_child(FILE *out, const struct ct_profile *profile, const char *name);

#endif
