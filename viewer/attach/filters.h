/* SPDX-License-Identifier: MIT */
/* The seccomp filters of a stopped thread: would they kill it for a call that attaching or recording needs? */
#ifndef CT_ATTACH_FILTERS_H
#define CT_ATTACH_FILTERS_H

#include "util/error.h"

/* 0, or < 0 if they would, or cannot be read. Only root can read them. */
int ct_filters_check(int pid, int tid, struct ct_error_text *error);

#endif
