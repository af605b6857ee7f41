/* SPDX-License-Identifier: MIT */
/*
 * Run a program as if the wrapper were not there: it has our standard streams, process group and
 * terminal, our signal dispositions and mask as they were. Signals sent to the wrapper go on to the
 * program (those of the terminal reach its whole process group anyway); when the program stops, so
 * does the wrapper.
 */
#ifndef CT_RECORD_RUN_H
#define CT_RECORD_RUN_H

#include <sys/types.h>

#include "util/error.h"

struct ct_run {
	pid_t pid;
	int status; /* as of waitpid */
	int exec_errno; /* the program could not be started: why */
};

/* Start and wait for the end. 0 (also when exec_errno is set) or < 0. */
int ct_run_program(const char *path, char **arguments, char **environment, struct ct_run *run,
		   struct ct_error_text *error);

/* End like the program did: its exit status, or death by its signal, without a second core dump. */
int ct_run_exit_like(const struct ct_run *run);

#endif
