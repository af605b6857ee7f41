/* SPDX-License-Identifier: MIT */
/*
 * /proc/self/maps, line by line, by raw system calls: no lock of the loader, no memory but the caller's
 * stack, of which there may be little (signal stacks). Any thread.
 */
#ifndef CT_SYS_MAPS_H
#define CT_SYS_MAPS_H

#include "sys/compiler.h"

struct ct_mapping {
	uintptr_t start;
	uintptr_t end;
	uint64_t offset; /* in the file, bytes */
	uint64_t device;
	uint64_t inode; /* 0 = no file */
	bool readable;
	bool writable;
	bool executable;
	bool is_private;
	const char *path; /* ended by NUL, cut when very long; until the next line is read */
};

struct ct_maps {
	int fd;
	size_t used; /* bytes[0, used) are read, bytes[0, next) are past */
	size_t next;
	char bytes[1024];
};

/* False: there is no /proc. */
CT_COLD bool ct_maps_open(struct ct_maps *maps);

/* The next mapping, in the order of addresses; false = that was all. */
CT_COLD bool ct_maps_next(struct ct_maps *maps, struct ct_mapping *mapping);

CT_COLD void ct_maps_close(struct ct_maps *maps);

/* Where the mapping that holds an address starts and ends; false: there is none, or no /proc. */
CT_COLD bool ct_maps_find(uintptr_t address, uintptr_t *start, uintptr_t *end);

#endif
