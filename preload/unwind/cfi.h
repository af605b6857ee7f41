/* SPDX-License-Identifier: MIT */
/* Unwind rules from .eh_frame. */
#ifndef CT_UNWIND_CFI_H
#define CT_UNWIND_CFI_H

#include "hot/unwind.h"

/* The rule of a lookup address; CT_CFA_UNKNOWN if there is none, or none that a struct ct_rule can express. */
CT_COLD struct ct_rule ct_cfi_rule(uintptr_t address);

#endif
