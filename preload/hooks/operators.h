/* SPDX-License-Identifier: MIT */
/* Where C++'s operators go. hooks/operators_init.c fills the entries; hooks/operators.c jumps through them. */
#ifndef CT_HOOKS_OPERATORS_H
#define CT_HOOKS_OPERATORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/compiler.h"

enum {
	CT_OPERATORS = 0
#define CT_HOOK_NEW(name, kind) +1
#include "hooks/hooks.def"
};

/*
 * What the thread's latest aligned operator new was asked for, and its stack pointer. If that operator takes its memory
 * elsewhere, the request stays here. So it applies only to a call from just below that stack pointer.
 */
struct ct_new_request {
	size_t bytes;
	uintptr_t sp; /* 0: there is no request */
	bool recorded; /* hooks/operators.c records the block: jemalloc's operators do call aligned_alloc, though not
			  malloc */
};

extern __thread struct ct_new_request ct_new_request;

#define CT_NEW_FRAME_MAX 256u /* bytes; the frame of libstdc++'s operator takes 24 */
#define CT_RECORDED_BY_NEW SIZE_MAX /* not a size: hooks/operators.c records the block */

/*
 * The bytes that a call of aligned_alloc really asks for, or CT_RECORDED_BY_NEW. sp: the caller's stack pointer. Hot
 * path.
 */
static inline size_t ct_requested_bytes(size_t alignment, size_t size, uintptr_t sp)
{
	const struct ct_new_request *request = &ct_new_request;
	size_t bytes = request->bytes + !request->bytes; /* new asks for 1 byte instead of 0 */
	if (ct_likely(request->sp - sp > CT_NEW_FRAME_MAX) || size < bytes || size - bytes >= alignment)
		return size;
	return request->recorded ? CT_RECORDED_BY_NEW : bytes;
}

/* The block of the operator delete that is running: jemalloc's calls free, whose row is then gone already. */
extern __thread void *ct_deleting;

extern void *ct_operator_targets[]; /* where each operator jumps */
extern void *ct_operator_next[]; /* the next definitions; NULL: no global library has one */
extern void *const ct_operator_recorded[]; /* our functions, which record and call the next definitions */

/* Fill ct_operator_targets and ct_operator_next. At start. */
CT_COLD void ct_operators_init(void);

/* The definition that a call from the code address `caller` would have found without us. Never NULL. Any thread. */
CT_COLD void *ct_operator_resolve(uint32_t index, void *caller);

#endif
