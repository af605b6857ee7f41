/* SPDX-License-Identifier: MIT */
/*
 * The clock, without the C library: other preloaded libraries answer for clock_gettime (libfaketime), and may be
 * starting at the moment in which we start. Any thread.
 */
#ifndef CT_SYS_VDSO_H
#define CT_SYS_VDSO_H

#include <time.h>

#include "sys/compiler.h"

/* At start: find the kernel's function, which makes no system call. */
CT_COLD void ct_vdso_init(void);

/* The clock's reading, nanoseconds. */
uint64_t ct_vdso_clock_ns(clockid_t clock);

#endif
