/* SPDX-License-Identifier: MIT */
/* Unwind rules from .eh_frame. Takes no lock except ct_lock_objects; any thread. */
#ifndef CT_UNWIND_CFI_H
#define CT_UNWIND_CFI_H

#include "hot/unwind.h"

/*
 * The rule for a lookup address (return address - 1, or an interrupted pc). CT_CFA_NO_TABLE if no table covers it,
 * CT_CFA_UNKNOWN if a struct ct_rule cannot express its rule.
 */
CT_COLD struct ct_rule ct_cfi_rule(uintptr_t address);

/* Is this a return address in code with a table, other than the C library's and ours? */
CT_COLD bool ct_cfi_is_caller(uintptr_t address);

#endif
