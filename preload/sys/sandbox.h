/* SPDX-License-Identifier: MIT */
/*
 * seccomp filters that the program puts upon itself. They were not made for our system calls, and a call that a
 * filter does not know usually kills the process. So what a filter would do is asked before each (sys/sys.h): a call
 * that it would not just let pass or refuse fails with EPERM, without the kernel. Filters that were there at start, or
 * that came by an inline system call, are not known.
 */
#ifndef CT_SYS_SANDBOX_H
#define CT_SYS_SANDBOX_H

#include <linux/filter.h>

#include "sys/compiler.h"

/* The program is about to install a filter: memory for it, NULL = there is none. */
CT_COLD struct ct_filter *ct_sandbox_prepare(void);

/* It is installed: program has its instructions. NULL = it is not. */
CT_COLD void ct_sandbox_begin(struct ct_filter *filter, const struct sock_fprog *program);

/* The program is about to forbid itself everything but read, write and exit: nothing is permitted to us. */
CT_COLD void ct_sandbox_forbid(void);

#endif
