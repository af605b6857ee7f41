/* SPDX-License-Identifier: MIT */
/* Writes the parts of a recording folder's README.md, as Markdown that also reads well as plain text. */
#ifndef CT_RECORD_README_H
#define CT_RECORD_README_H

#include <stdio.h>
#include <time.h>

#include "model/profile.h"
#include "util/error.h"
#include "write/format.h"

/* The head: title, command, time and place, and how the program ended (a waitpid status). 0 or < 0. */
int ct_readme_head(FILE *out, char **arguments, time_t start, int status, struct ct_error_text *error);

/* A process: its losses, totals, peak and largest sites. 0 or < 0. */
int ct_readme_process(FILE *out, const struct ct_profile *profile, struct ct_error_text *error);

/* A file of a process: what it is, and what opens it. */
void ct_readme_file(FILE *out, const char *name, const struct ct_format *format);

/* A format that cannot show this recording, and the reason. */
void ct_readme_no_file(FILE *out, const struct ct_format *format, const char *reason);

/* A sentence about all processes of the recording. */
void ct_readme_together(FILE *out, const char *text, const char *chart);

/* The table of the other processes: its head, and a row; name is the report's. */
void ct_readme_children(FILE *out);
void ct_readme_child(FILE *out, const struct ct_profile *profile, const char *name);

#endif
