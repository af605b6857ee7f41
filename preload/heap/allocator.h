/* SPDX-License-Identifier: MIT */
/* Which allocator provides malloc, and how it reports the size of a block. */
#ifndef CT_HEAP_ALLOCATOR_H
#define CT_HEAP_ALLOCATOR_H

#include "sys/compiler.h"

/* Find out, for ct_tracer. True: it is glibc's. Once at start, when ct_real is complete. */
CT_COLD bool ct_allocator_init(void);

#endif
