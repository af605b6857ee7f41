/* SPDX-License-Identifier: MIT */
/* The program's own mappings and its threads' stacks, read from the table of --mmap in a traced process. */
#ifndef CT_MEMORY_RANGES_H
#define CT_MEMORY_RANGES_H

#include "load/store/store_file.h"
#include "memory/peer.h"

struct ct_mapped_range {
	uint64_t start, end;
	uint32_t site; /* of the store */
	bool stack;
};

struct ct_mapped_ranges {
	struct ct_mapped_range *rows; /* in the order of addresses; they do not overlap */
	size_t count;
	bool known; /* false: mappings are not recorded */
};

/* Read them. 0, or < 0 when out of memory; free rows in both cases. */
int ct_mapped_ranges_read(struct ct_peer *peer, const struct ct_store_file *store, struct ct_mapped_ranges *ranges);

#endif
