/* SPDX-License-Identifier: MIT */
/* Pseudo frames: nodes of the call tree that are not code. Values are part of the store's format. Pure, any thread. */
#ifndef CTRACE_PSEUDO_H
#define CTRACE_PSEUDO_H

#include <stdint.h>

#define CT_MODULE_NONE 0u /* no file (JIT code): the address is a run-time address */
#define CT_MODULE_PSEUDO 0xffffffffu /* a pseudo frame, not code: the address is an enum ct_pseudo */

enum ct_pseudo {
	CT_PSEUDO_CUT = 1, /* frames are left out here: the stack is deeper than the limit */
	CT_PSEUDO_LOST = 2, /* the unwinder could not continue: the callers are unknown */
	CT_PSEUDO_OTHER = 3, /* below the root: the one site of all stacks that were new after CTRACE_MAX_SITES sites */
	CT_PSEUDO_THREAD = 4, /* below the root, with CTRACE_THREADS: one thread; see CT_PSEUDO_THREAD_FRAME */
	CT_PSEUDO_EVENT = 5, /* above the innermost frame: ctrace_event was called there; not an allocation site */
	CT_PSEUDO_COPY = 6, /* the same with CTRACE_COPY: memcpy or one of its kin was called there */
	CT_PSEUDO_TAG = 7, /* below the root or a thread: what was done under a tag; see CT_PSEUDO_TAG_FRAME */
	CT_PSEUDO_MAPPING = 8, /* the same as 5 with CTRACE_MMAP: mmap or one of its kin was called there */
	CT_PSEUDO_STACK = 9, /* the same: a thread was created there, and its stack is meant */
	CT_PSEUDO_ALLOCATOR = 10, /* below the root: mappings that malloc's library has made for itself */
};

#define CT_PSEUDO_MASK 0xffu /* the bits of a pseudo frame's address that hold its enum ct_pseudo */

/* Is this module and address the given pseudo frame? */
static inline int ct_is_pseudo(uint32_t module, uint64_t address, enum ct_pseudo mark)
{
	return module == CT_MODULE_PSEUDO && (address & CT_PSEUDO_MASK) == mark;
}

/*
 * The address of a thread's pseudo frame: the thread's number, counted from 1 in the order of first events, and the
 * offset of its name in STRINGS.
 */
#define CT_PSEUDO_THREAD_FRAME(number, name) (CT_PSEUDO_THREAD | (uint64_t)(number) << 8 | (uint64_t)(name) << 32)
#define CT_THREADS_MAX ((1u << 24) - 1)
#define CT_THREAD_NAME_BYTES 16u /* as the kernel keeps it, with the final NUL */

/* The same of a tag's: the length of its name in place of the number. */
#define CT_PSEUDO_TAG_FRAME(name, length) (CT_PSEUDO_TAG | (uint64_t)(length) << 8 | (uint64_t)(name) << 32)
#define CT_TAG_NAME_MAX 255u /* bytes */

/* The number in a thread's pseudo frame, and the offset of the name. */
static inline uint32_t ct_thread_number(uint64_t mark)
{
	return (uint32_t)mark >> 8;
}

static inline uint32_t ct_thread_name(uint64_t mark)
{
	return (uint32_t)(mark >> 32);
}

#endif
