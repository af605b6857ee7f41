/* SPDX-License-Identifier: MIT */
/* Finds the store of a running process by its mappings. The process is neither stopped nor signalled. */
#ifndef CT_LIVE_PROCESS_H
#define CT_LIVE_PROCESS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "util/error.h"

/* A process, held by its open folder /proc/PID. If its pid is reused, the folder does not refer to the new process. */
struct ct_process {
	int pid;
	int folder;
};

/* Open a process. 0 or < 0; after 0, the caller closes the folder. */
int ct_process_open(int pid, struct ct_process *process, struct ct_error_text *error);

/* Open a file of its folder, such as "status". NULL: it cannot be opened. */
FILE *ct_process_part(const struct ct_process *process, const char *name);

/* False if the process has ended, whether or not it has been waited for. */
bool ct_process_lives(const struct ct_process *process);

/* How long ago it was started or forked. UINT64_MAX: it is gone. */
uint64_t ct_process_age_ns(const struct ct_process *process);

/* Is it being killed, or ending? It may still live then. */
bool ct_process_is_dying(const struct ct_process *process);

/* Open the process's store. Returns a descriptor and the store's name, or < 0 with what to do about it. */
int ct_process_store(const struct ct_process *process, char name[PATH_MAX], struct ct_error_text *error);

/* The same by pid, for one reading. */
int ct_process_open_store(int pid, char name[PATH_MAX], struct ct_error_text *error);

/* The same for the control page of a process that sleeps. The line of the error is empty if it has none. */
int ct_process_page(const struct ct_process *process, char name[PATH_MAX], struct ct_error_text *error);

#endif
