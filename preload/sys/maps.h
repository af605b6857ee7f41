/* SPDX-License-Identifier: MIT */
/*
 * Reads /proc/self/maps line by line with raw system calls: without the loader's locks, and without memory except the
 * caller's stack, of which there may be little (signal stacks). Any thread.
 */
#ifndef CT_SYS_MAPS_H
#define CT_SYS_MAPS_H

#include "sys/compiler.h"

struct ct_mapping {
	uintptr_t start;
	uintptr_t end;
	uint64_t offset; /* of the mapping in its file, bytes */
	uint64_t device;
	uint64_t inode; /* 0 = no file */
	bool readable;
	bool writable;
	bool executable;
	bool is_private;
	const char *path; /* NUL-terminated, cut if very long; valid until the next line is read */
};

struct ct_maps {
	int fd; /* of /proc/self/maps */
	size_t used; /* bytes[0, used) have been read from the file, bytes[0, next) have been returned */
	size_t next;
	char bytes[1024];
};

/* False: /proc cannot be read. */
CT_COLD bool ct_maps_open(struct ct_maps *maps);

/* The next mapping, in the order of addresses. False: there are no more. */
CT_COLD bool ct_maps_next(struct ct_maps *maps, struct ct_mapping *mapping);

CT_COLD void ct_maps_close(struct ct_maps *maps);

/* Start and end of the mapping that contains an address. False: there is none, or /proc cannot be read. */
CT_COLD bool ct_maps_find(uintptr_t address, uintptr_t *start, uintptr_t *end);

#endif
