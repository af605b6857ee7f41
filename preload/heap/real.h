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
 * Look up a symbol that may be missing. The loader then makes an error message, which it frees at the next look-up.
 * That free may be one of the program's that looks up the next free itself, and would never end. So meanwhile malloc
 * gives no memory; the message is then a constant. ct_real_is_looking: is this thread in such a look-up?
 */
CT_COLD void *ct_real_find(void *handle, const char *name);

/* The library was loaded into a running process. Set before anything is looked up. */
extern bool ct_real_is_late;

/* What the program's calls of this name would reach without us. */
CT_COLD void *ct_real_next(const char *name);
CT_COLD bool ct_real_is_looking(void);

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

/* At start: does the program have its own malloc, or a library preloaded before us? It may pass calls on to ours. */
CT_COLD void ct_real_check_malloc(void);

/* At the end: print a line if there is such a malloc and it has passed nothing on. True: there is. */
CT_COLD bool ct_real_say_malloc(void);

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
