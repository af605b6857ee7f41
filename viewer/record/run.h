/* SPDX-License-Identifier: MIT */
/*
 * Runs a program as if the wrapper were not there. The program has our standard streams, process group, terminal, and
 * the signal dispositions and mask that we were started with. Signals sent to the wrapper are forwarded to the
 * program; those of the terminal reach the whole process group anyway. When the program stops, so does the wrapper.
 */
#ifndef CT_RECORD_RUN_H
#define CT_RECORD_RUN_H

#include <sys/types.h>

#include "util/error.h"

struct ct_run {
	pid_t pid;
	int status; /* from waitpid */
	int exec_errno; /* why the program could not be started; 0: it was */
};

/* Start the program and wait until it ends. 0 (even if exec_errno is set) or < 0. */
int ct_run_program(const char *path, char **arguments, char **environment, struct ct_run *run,
		   struct ct_error_text *error);

/* End as the program did: return its exit status, or die from its signal, without a second core dump. */
int ct_run_exit_like(const struct ct_run *run);

#endif
