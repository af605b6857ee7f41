/* SPDX-License-Identifier: MIT */
/* Which object file a code address belongs to. The caller holds ct_lock_tree. */
#ifndef CT_TREE_MODULES_H
#define CT_TREE_MODULES_H

#include "sys/compiler.h"

struct ct_place {
	uint64_t module; /* index in MODULES, or CT_MODULE_NONE; 64 bits wide: a hash key must have no padding */
	uint64_t address; /* link-time address in the module; without a module, run-time address */
};

/* Find the place of a code address. False: no memory for a new module. */
CT_COLD bool ct_modules_find(uintptr_t address, struct ct_place *place);

#endif
