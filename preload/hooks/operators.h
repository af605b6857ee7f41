/* SPDX-License-Identifier: MIT */
/* Where C++'s operators go: filled by hooks/operators_init.c, jumped through by hooks/operators.c. */
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
 * What the thread's latest aligned operator new was asked for, and the stack pointer in it. It stays when that operator
 * takes its memory elsewhere, so it counts only for a call from just below it.
 */
struct ct_new_request {
	size_t bytes;
	uintptr_t sp; /* 0 = none */
	bool recorded; /* by hooks/operators.c itself: jemalloc's operators call aligned_alloc, though not malloc */
};

extern __thread struct ct_new_request ct_new_request;

#define CT_NEW_FRAME_MAX 256u /* libstdc++'s takes 24 bytes */
#define CT_RECORDED_BY_NEW SIZE_MAX

/* The bytes that a call of aligned_alloc stands for: sp is its caller's. */
static inline size_t ct_requested_bytes(size_t alignment, size_t size, uintptr_t sp)
{
	const struct ct_new_request *request = &ct_new_request;
	size_t bytes = request->bytes + !request->bytes; /* C++ gives each block of 0 bytes an address: 1 counts */
	if (ct_likely(request->sp - sp > CT_NEW_FRAME_MAX) || size < bytes || size - bytes >= alignment)
		return size;
	return request->recorded ? CT_RECORDED_BY_NEW : bytes;
}

extern void *ct_operator_targets[]; /* where each operator jumps */
extern void *ct_operator_next[]; /* the next definitions; NULL = none in a global library */
extern void *const ct_operator_recorded[];

/* Fill the entries. At start. cold */
CT_COLD void ct_operators_init(void);

/* The definition that a call from `caller` would have found without us. Never NULL. cold */
CT_COLD void *ct_operator_resolve(uint32_t index, void *caller);

#endif
