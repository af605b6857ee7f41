/* SPDX-License-Identifier: MIT */
/*
 * What `ctrace check` judges: a file or, for a folder, the sum of its reports. The sum has the names and numbers of a
 * process tree whose pids change from run to run, so it can be compared with a baseline. Its peak is the most that all
 * of them had live at one moment, as far as their timelines show it, not the sum of their peaks.
 */
#ifndef CT_CMD_CHECK_INPUT_H
#define CT_CMD_CHECK_INPUT_H

#include "model/profile.h"
#include "util/error.h"

/* 0 or < 0. The profile is the caller's. */
int ct_check_load(const char *command, const char *path, struct ct_profile **profile, struct ct_error_text *error);

#endif
