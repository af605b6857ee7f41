/* SPDX-License-Identifier: MIT */
/* processes.json of a recording's folder: its processes, and what all of them had live over time (docs/json.md). */
#ifndef CT_RECORD_PROCESSES_H
#define CT_RECORD_PROCESSES_H

#include "record/tree.h"

#define CT_PROCESSES_NAME "processes.json"
#define CT_PROCESSES_HEAD "{\"format\":\"ctrace-processes\"" /* how it begins */

/* Write it into the folder. 0 or < 0. */
int ct_processes_write(const struct ct_tree *tree, const char *folder, struct ct_error_text *error);

#endif
