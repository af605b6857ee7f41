/* SPDX-License-Identifier: MIT */
/*
 * Our own address space, far from where the kernel puts the program's mappings. So these stay as close together, and in
 * the same order, as without us. Any thread.
 */
#ifndef CT_SYS_REGION_H
#define CT_SYS_REGION_H

#include "sys/compiler.h"

/* At start, with an address of the main stack: a kernel with fewer bits of addresses has both farther down. */
CT_COLD void ct_region_init(uintptr_t stack);

/* Zeroed private memory that costs nothing until it is touched. NULL: no address space left. */
CT_COLD void *ct_region_map(size_t bytes);

/* The same, but shared with the children that are forked from now on. */
CT_COLD void *ct_region_map_shared(size_t bytes);

/* Give back what ct_region_map or ct_region_map_shared has mapped: under RLIMIT_AS it may be mapped again. */
CT_COLD void ct_region_unmap(void *memory, size_t bytes);

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

/* Is the address in our region? */
CT_COLD bool ct_region_holds(uintptr_t address);

/* Is all of our memory in the region? If not, some of it lies among the program's mappings. */
CT_COLD bool ct_region_is_whole(void);

#endif
