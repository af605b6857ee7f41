/* SPDX-License-Identifier: MIT */
/* Which allocator provides malloc, and how it reports the size of a block. At start only. */
#ifndef CT_HEAP_ALLOCATOR_H
#define CT_HEAP_ALLOCATOR_H

#include "sys/compiler.h"

/*
 * Find out, and set ct_tracer.glibc_blocks and usable_bytes. True: it is glibc's. Once at start, after ct_real_resolve.
 */
CT_COLD bool ct_allocator_init(void);

/*
 * Functions that malloc's allocator does not have, so that another one's gives the blocks: jemalloc has no pvalloc.
 * malloc's allocator must not be asked how large these blocks are. Set by ct_allocator_init.
 */
struct ct_foreign {
	bool posix_memalign, aligned_alloc, memalign, valloc, pvalloc;
};

extern CT_HIDDEN struct ct_foreign ct_foreign;

#endif
