/* SPDX-License-Identifier: MIT */
/*
 * seccomp filters that the program installs for itself. They do not expect our system calls, and a call that a filter
 * does not know usually kills the process. So before each of our calls we evaluate the filters (ct_syscall6 in
 * sys/sys.h). If they would neither allow the call nor fail it with an error, it fails with EPERM and never reaches the
 * kernel. Filters that were installed before start, or by an inline system call, are not known. Any thread.
 */
#ifndef CT_SYS_SANDBOX_H
#define CT_SYS_SANDBOX_H

#include <linux/filter.h>

#include "sys/compiler.h"

/* The program has limited the files that it, and we, may open, and the programs that may be started (Landlock). */
extern CT_HIDDEN uint32_t ct_landlock;

/* The program is about to install a filter: get memory for a copy. NULL: no memory. */
CT_COLD struct ct_filter *ct_sandbox_prepare(void);

/*
 * The filter was installed, with the instructions in `program`; NULL: it was not. Takes over `filter`. If there was no
 * memory for that, no call of ours is allowed from here on.
 */
CT_COLD void ct_sandbox_begin(struct ct_filter *filter, const struct sock_fprog *program);

/* The program is about to allow itself only read, write and exit: no call of ours is allowed from here on. */
CT_COLD void ct_sandbox_forbid(void);

#endif
