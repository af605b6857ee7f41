/* SPDX-License-Identifier: MIT */
/*
 * Address space of our own, far from where the kernel puts the program's mappings: those stay as close
 * together, and in the same order, as without us.
 */
#ifndef CT_SYS_REGION_H
#define CT_SYS_REGION_H

#include "sys/compiler.h"

/* Zeroed private memory that costs nothing until touched; NULL = no address space. Any thread. */
CT_COLD void *ct_region_map(size_t bytes);

/* Addresses only: nothing there can be touched before something is mapped over it. */
CT_COLD void *ct_region_reserve(size_t bytes);

/* Is the address ours? */
CT_COLD bool ct_region_holds(uintptr_t address);

/* False: some of our memory is elsewhere, among the program's. */
CT_COLD bool ct_region_is_whole(void);

#endif
