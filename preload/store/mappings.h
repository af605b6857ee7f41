/* SPDX-License-Identifier: MIT */
/*
 * The program's mappings (CTRACE_MMAP): which ranges are mapped now, by whom, and the counters of their sites.
 *
 * A *range* is a run of addresses of one mapping. A *mapping* is what one call has mapped. It lives as long as it has a
 * range: munmap may cut pieces out of it. Ranges are in a treap, an ordered tree that needs no recursion.
 *
 * The sites are in the store among those of the heap, with a pseudo frame of their own. No event changes them: they are
 * written here, each change with an undo record (struct ct_mapping_counters). So the fold and the journals know nothing
 * of mappings.
 *
 * Cold, any thread. Functions below ct_mmap_unlock are called between ct_mmap_lock and ct_mmap_unlock.
 */
#ifndef CT_STORE_MAPPINGS_H
#define CT_STORE_MAPPINGS_H

#include "mmap.h"
#include "sys/compiler.h"

/* A recording begins. False: no memory. */
CT_COLD bool ct_mmap_init(void);

/* Are mappings recorded? */
CT_COLD bool ct_mmap_are_on(void);

/* What they take. */
CT_COLD uint64_t ct_mmap_bytes(void);

/* They nest in a thread. No signal handler runs in between. */
CT_COLD void ct_mmap_lock(void);
CT_COLD void ct_mmap_unlock(void);
CT_COLD bool ct_mmap_is_locked(void); /* by this thread */

/* site 0: whose the mapping is, is not known; only what was there before is forgotten. */
CT_COLD void ct_mmap_add(uint32_t site, uintptr_t start, size_t bytes);
CT_COLD void ct_mmap_remove(uintptr_t start, size_t bytes);

/* Parts of this range may be gone: ask the kernel. */
CT_COLD void ct_mmap_doubt(uintptr_t start, size_t bytes);

/*
 * mremap. Ranges keep their mappings; the last one of them grows, and has the call counted. If none is known, it is a
 * new mapping.
 */
CT_COLD void ct_mmap_move(uint32_t site, uintptr_t from, size_t bytes, uintptr_t to, size_t new_bytes);

/* mremap with MREMAP_DONTUNMAP: a new mapping, with the ranges that are there. */
CT_COLD void ct_mmap_copy(uint32_t site, uintptr_t from, size_t bytes, uintptr_t to);

/*
 * A thread that is being created, as a number; its stack counts from ct_mmap_thread_begin on, unless the recording
 * has ended. 0: no memory.
 */
struct ct_mapping_thread {
	uint32_t site;
	uint32_t stack_pages;
	struct ct_mmap_thread does;
};

CT_COLD uint32_t ct_mmap_thread_new(const struct ct_mapping_thread *thread);
CT_COLD struct ct_mmap_thread ct_mmap_thread_begin(uint32_t number, uintptr_t stack_end, bool counts);
CT_COLD void ct_mmap_thread_end(uintptr_t stack_end);

/* A segment begins: what was mapped before it does not exist for it. */
CT_COLD void ct_mmap_forget(void);

/* In a forked child: stacks of threads that it does not have are not counted. */
CT_COLD void ct_mmap_forked(uintptr_t own_stack);

#endif
