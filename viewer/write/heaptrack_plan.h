/* SPDX-License-Identifier: MIT */
/*
 * A site's counters as blocks that come and go: heaptrack's file is a list of allocations and frees, and a
 * profile has only sums. Of its blocks, some are live at the peak and at the end, some at one of them, and
 * the others come and go. Sizes are the average, rounded so that sums are exact to the byte.
 */
#ifndef CT_WRITE_HEAPTRACK_PLAN_H
#define CT_WRITE_HEAPTRACK_PLAN_H

#include "model/profile.h"

enum ct_blocks_of {
	CT_BLOCKS_KEPT, /* live at the peak and at the end */
	CT_BLOCKS_PEAK, /* freed after the peak */
	CT_BLOCKS_END, /* allocated after the peak */
	CT_BLOCKS_FLEETING,
	CT_BLOCKS_KINDS,
};

struct ct_block_group {
	uint64_t blocks;
	uint64_t bytes;
};

struct ct_block_plan {
	struct ct_block_group groups[CT_BLOCKS_KINDS];
	bool exact; /* false: no blocks have such counters, and totals differ; peak and end do not */
};

/* Blocks of one size. */
struct ct_block_piece {
	enum ct_blocks_of kind;
	uint64_t size;
	uint64_t count; /* above 0 */
	bool temporary; /* of the fleeting: freed before the next allocation */
};

#define CT_BLOCK_PIECES_MAX 10

void ct_block_plan_make(struct ct_block_plan *plan, const struct ct_counters *counters);

/* Returns how many. */
size_t ct_block_plan_pieces(const struct ct_block_plan *plan, uint64_t temporary,
			    struct ct_block_piece pieces[CT_BLOCK_PIECES_MAX]);

#endif
