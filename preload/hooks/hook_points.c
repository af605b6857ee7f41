/* SPDX-License-Identifier: MIT */
/* The functions of hooks.def, as entry_slots.c needs them. */
#include "heap/real.h"
#include "hooks/entries.h"
#include "hooks/operators.h"

/* Weak, since unit tests are linked without the hooks. */
#define CT_HOOK(symbol, result, parameters) extern char point_##symbol[] __asm__(#symbol) __attribute__((weak));
#define CT_HOOK_ALIAS(symbol) CT_HOOK(symbol, , )
#define CT_HOOK_NEW(symbol, kind) CT_HOOK(symbol, , )
#include "hooks/hooks.def"

/* The operators come last. */
struct ct_entry_point ct_hook_points[] = {
#define CT_HOOK(symbol, result, parameters) {.name = #symbol, .ours = point_##symbol, .is_hook = true},
#define CT_HOOK_ALIAS(symbol) CT_HOOK(symbol, , )
#define CT_HOOK_NEW(symbol, kind) CT_HOOK(symbol, , )
#include "hooks/hooks.def"
};

void *ct_hook_point_real(uint32_t index)
{
	if (index < CT_HOOK_POINTS - CT_OPERATORS)
		return ct_real_next(ct_hook_points[index].name);
	/* Operators that call malloc need no slots of their own. */
	uint32_t number = index - (CT_HOOK_POINTS - CT_OPERATORS);
	return ct_operator_targets[number] == ct_operator_recorded[number] ? ct_operator_next[number] : NULL;
}
