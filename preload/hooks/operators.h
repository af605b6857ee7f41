/* SPDX-License-Identifier: MIT */
/* Where C++'s operators go: filled by hooks/operators_init.c, jumped through by hooks/operators.c. */
#ifndef CT_HOOKS_OPERATORS_H
#define CT_HOOKS_OPERATORS_H

#include "sys/compiler.h"

enum {
	CT_OPERATORS = 0
#define CT_HOOK_NEW(name, kind) +1
#include "hooks/hooks.def"
};

extern void *ct_operator_targets[]; /* where each operator jumps */
extern void *ct_operator_next[]; /* the next definitions; NULL = none in a global library */
extern void *const ct_operator_recorded[];

/* Fill the entries. At start. cold */
CT_COLD void ct_operators_init(void);

/* The definition that a call from `caller` would have found without us. Never NULL. cold */
CT_COLD void *ct_operator_resolve(uint32_t index, void *caller);

#endif
