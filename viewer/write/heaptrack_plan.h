/* SPDX-License-Identifier: MIT */
/*
 * Turns a site's counters into blocks with a history: heaptrack's file is a list of allocations and frees, but a
 * profile has only sums. Some of a site's blocks are live at both the peak and the end, some at one of them, and the
 * others are fleeting. All sizes are the average, rounded such that the sums are exact.
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
	bool exact; /* false: no blocks have such counters, so the totals differ; peak and end are still exact */
};

/* Blocks of one size. */
struct ct_block_piece {
	enum ct_blocks_of kind;
	uint64_t size;
	uint64_t count; /* above 0 */
	bool temporary; /* fleeting blocks only: freed before the next allocation */
};

#define CT_BLOCK_PIECES_MAX 10

void ct_block_plan_make(struct ct_block_plan *plan, const struct ct_counters *counters);

/* Split the plan into pieces; `temporary` of the fleeting blocks are temporary. Returns the number of pieces. */
size_t ct_block_plan_pieces(const struct ct_block_plan *plan, uint64_t temporary,
			    struct ct_block_piece pieces[CT_BLOCK_PIECES_MAX]);

#endif
