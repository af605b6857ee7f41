/* SPDX-License-Identifier: MIT */
/*
 * The next definitions in line of what we hook: the C library's or another allocator's. dlsym may
 * allocate while they are looked up; such calls are served from a small static arena.
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

/* Where our syscall() jumps: to the next one in line. */
extern long (*ct_next_syscall)(long, long, long, long, long, long, long);

/* Look up all of them: any thread, once or more; returns when ct_real is complete, unless called from
 * inside the look-up itself, then false. */
CT_COLD bool ct_real_resolve(void);

/*
 * A sanitizer's allocator is loaded. It starts while its functions, the C library's among them, do not work yet: then
 * calls pass through and nothing is recorded.
 */
CT_COLD bool ct_real_is_sanitizer(void);

/* Is no other copy of this library before us? One in LD_PRELOAD and one in /etc/ld.so.preload must not both record. */
CT_COLD bool ct_real_is_first(void);

/* Say it when another malloc than ours is the program's: its own, or that of a library preloaded before us. */
CT_COLD void ct_real_check_malloc(void);

/* The static arena. A block of it must never reach the real free or realloc. */
CT_COLD void *ct_bootstrap_alloc(size_t alignment, size_t bytes);

#define CT_BOOTSTRAP_BYTES (64u << 10)
extern CT_HIDDEN char ct_bootstrap_memory[CT_BOOTSTRAP_BYTES];

static inline bool ct_bootstrap_owns(const void *block)
{
	return (uintptr_t)block - (uintptr_t)ct_bootstrap_memory < CT_BOOTSTRAP_BYTES;
}

CT_COLD size_t ct_bootstrap_bytes(const void *block);

#endif
