/* SPDX-License-Identifier: MIT */
/*
 * Our own address space, far from where the kernel puts the program's mappings. So these stay as close together, and in
 * the same order, as without us. Any thread.
 */
#ifndef CT_SYS_REGION_H
#define CT_SYS_REGION_H

#include "sys/compiler.h"

/* Zeroed private memory that costs nothing until it is touched. NULL: no address space left. */
CT_COLD void *ct_region_map(size_t bytes);

/* Addresses only. They must not be touched before something is mapped there. NULL: no address space left. */
CT_COLD void *ct_region_reserve(size_t bytes);

/* Is the address in our region? */
CT_COLD bool ct_region_holds(uintptr_t address);

/* Is all of our memory in the region? If not, some of it lies among the program's mappings. */
CT_COLD bool ct_region_is_whole(void);

#endif
