/* SPDX-License-Identifier: MIT */
/* The store of a running process, found by what it has mapped. The process is neither stopped nor signalled. */
#ifndef CT_LIVE_PROCESS_H
#define CT_LIVE_PROCESS_H

#include <limits.h>
#include <stdbool.h>

#include "util/error.h"

/* A process, by the open folder /proc/PID: another one that gets the same pid later is not it. */
struct ct_process {
	int pid;
	int folder;
};

/* 0 or < 0; close(folder) after 0. */
int ct_process_open(int pid, struct ct_process *process, struct ct_error_text *error);

/* False when it has ended, waited for or not. */
bool ct_process_lives(const struct ct_process *process);

/* Open its store: a file descriptor, and the name to show for it; or < 0, with what to do about it. */
int ct_process_store(const struct ct_process *process, char name[PATH_MAX], struct ct_error_text *error);

#endif
