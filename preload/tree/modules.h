/* SPDX-License-Identifier: MIT */
/* Which object file a code address belongs to. Under ct_lock_tree. */
#ifndef CT_TREE_MODULES_H
#define CT_TREE_MODULES_H

#include "sys/compiler.h"

struct ct_place {
	uint64_t module; /* index in MODULES; CT_MODULE_NONE. 64 bits: the struct is a hash key, without padding */
	uint64_t address; /* link-time address in the module; run-time address without one */
};

/* False: no memory for a new module. */
CT_COLD bool ct_modules_find(uintptr_t address, struct ct_place *place);

#endif
