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

/*
 * Addresses only, for ct_region_fill. Nothing is mapped there, so they count for no limit (RLIMIT_AS, RLIMIT_MEMLOCK).
 * NULL = no address space.
 */
CT_COLD void *ct_region_reserve(size_t bytes);

/*
 * Map reserved addresses to be read and written: the file, shared, or with fd -1 zeroed private memory. False: no
 * memory, or the program has taken the addresses.
 */
CT_COLD bool ct_region_fill(void *at, size_t bytes, int fd, uint64_t offset);

/* Whether the program locks what is mapped from now on (mlockall): our memory stays unlocked. */
CT_COLD void ct_region_set_locking(bool on);

/* Is the address ours? */
CT_COLD bool ct_region_holds(uintptr_t address);

/* False: some of our memory is elsewhere, among the program's. */
CT_COLD bool ct_region_is_whole(void);

#endif
