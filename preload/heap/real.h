/* SPDX-License-Identifier: MIT */
/*
 * The next definitions, in symbol look-up order, of the functions that we hook: the C library's or another allocator's.
 * dlsym may allocate while it looks them up; a small static arena serves such calls.
 */
#ifndef CT_HEAP_REAL_H
#define CT_HEAP_REAL_H

#include <sys/types.h>

#include "sys/compiler.h"

struct ct_real {
#define CT_HOOK(name, result, parameters) result(*name) parameters;
#include "hooks/hooks.def"
	size_t (*malloc_usable_size)(void *block);
};

extern CT_HIDDEN struct ct_real ct_real;

/* Where our syscall() jumps: to the next definition. */
extern long (*ct_next_syscall)(long, long, long, long, long, long, long);

/*
 * Look up all of them. Any thread, any number of times. Returns true once ct_real is complete, and false only to calls
 * from inside the look-up itself.
 */
CT_COLD bool ct_real_resolve(void);

/*
 * Is a sanitizer's allocator loaded? It starts while its functions, and the C library's, do not work yet. Then calls
 * pass through and nothing is recorded.
 */
CT_COLD bool ct_real_is_sanitizer(void);

/*
 * Is this the first copy of the library? If LD_PRELOAD names one and /etc/ld.so.preload another, only one of them must
 * record.
 */
CT_COLD bool ct_real_is_first(void);

/* Print a line if the program does not use our malloc, but its own or that of a library preloaded before us. */
CT_COLD void ct_real_check_malloc(void);

/*
 * The static arena. Its blocks must never reach the real free or realloc. Zeroed memory, NULL if full; never freed. Any
 * thread.
 */
CT_COLD void *ct_bootstrap_alloc(size_t alignment, size_t bytes);

#define CT_BOOTSTRAP_BYTES (64u << 10)
extern CT_HIDDEN char ct_bootstrap_memory[CT_BOOTSTRAP_BYTES];

static inline bool ct_bootstrap_owns(const void *block)
{
	return (uintptr_t)block - (uintptr_t)ct_bootstrap_memory < CT_BOOTSTRAP_BYTES;
}

/* The size that was asked for. */
CT_COLD size_t ct_bootstrap_bytes(const void *block);

#endif
