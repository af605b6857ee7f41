/* SPDX-License-Identifier: MIT */
/* The process's resident memory, for CTRACE_RSS. */
#ifndef CT_STORE_RSS_H
#define CT_STORE_RSS_H

#include "sys/compiler.h"

/* Resident memory of the process, bytes; 0: not known. Three system calls, 2 us. Any thread. */
CT_COLD uint64_t ct_rss_bytes(void);

#endif
