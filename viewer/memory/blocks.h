/* SPDX-License-Identifier: MIT */
/*
 * The live blocks of a traced process, read from the block map in its memory. While the process runs, blocks may come
 * and go during the reading; of an idle process, the list is exact.
 */
#ifndef CT_MEMORY_BLOCKS_H
#define CT_MEMORY_BLOCKS_H

#include "load/store/store_file.h"
#include "memory/peer.h"

struct ct_live_block {
	uint64_t address;
	uint64_t bytes; /* requested */
	uint64_t start, end; /* all that the allocator uses for it; of other allocators than glibc's just the block */
	uint32_t site; /* of the store */
	bool mapped; /* it has a mapping of its own */
	bool foreign; /* not malloc's: of another allocator, or of a pool of the program's */
};

struct ct_live_blocks {
	struct ct_live_block *rows; /* in the order of addresses; they do not overlap */
	size_t count, room;
	uint64_t bytes; /* requested, in all */
	bool glibc; /* the allocator is glibc's */
	bool rounded; /* and the map has every second address at which a block may begin */
};

/* Read them. 0 or < 0; free rows in both cases. */
int ct_live_blocks_read(struct ct_peer *peer, const struct ct_store_file *store, struct ct_live_blocks *blocks,
			struct ct_error_text *error);

/*
 * For glibc: find each block's exact address and size from the head that glibc keeps in front of it. Without it, a
 * block may begin 16 bytes later than the map says. 0, or < 0 when out of memory.
 */
int ct_live_blocks_measure(const struct ct_peer *peer, struct ct_live_blocks *blocks);

#endif
