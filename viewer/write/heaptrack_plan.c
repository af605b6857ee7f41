/* SPDX-License-Identifier: MIT */
#include "write/heaptrack_plan.h"

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool has_blocks(const struct ct_block_group *group)
{
	return group->blocks || !group->bytes;
}

/* Plan with `kept` blocks that live from the peak to the end. False: no history has these counters. */
static bool try_kept(struct ct_block_plan *plan, const struct ct_counters *of, uint64_t kept)
{
	uint64_t bytes = !kept                     ? 0
			 : kept == of->peak_blocks ? of->peak_bytes
			 : kept == of->end_blocks  ? of->end_bytes
						   : least(of->peak_bytes, of->end_bytes);
	uint64_t blocks = of->peak_blocks + of->end_blocks - kept, rest;
	bool free_choice = kept && kept < of->peak_blocks && kept < of->end_blocks;
	if (bytes > of->peak_bytes || bytes > of->end_bytes || blocks > of->total_blocks ||
	    of->peak_bytes + of->end_bytes - bytes > of->total_bytes)
		return false;
	rest = of->total_bytes - (of->peak_bytes + of->end_bytes - bytes);
	/* No fleeting block is left for the rest. So keep fewer bytes, and give them to the blocks of peak and end. */
	if (blocks == of->total_blocks && free_choice && rest <= bytes) {
		bytes -= rest;
		rest = 0;
	}
	plan->groups[CT_BLOCKS_KEPT] = (struct ct_block_group){kept, bytes};
	plan->groups[CT_BLOCKS_PEAK] = (struct ct_block_group){of->peak_blocks - kept, of->peak_bytes - bytes};
	plan->groups[CT_BLOCKS_END] = (struct ct_block_group){of->end_blocks - kept, of->end_bytes - bytes};
	plan->groups[CT_BLOCKS_FLEETING] = (struct ct_block_group){of->total_blocks - blocks, rest};
	for (int i = 0; i < CT_BLOCKS_KINDS; i++)
		if (!has_blocks(&plan->groups[i]))
			return false;
	return true;
}

/*
 * The more blocks and bytes are kept, the fewer other blocks are needed. So first try to keep as many blocks as
 * possible. If their bytes do not fit, keep one block less, which leaves the kept bytes free to choose. If there are
 * any blocks with these counters, one of the two plans fits.
 */
void ct_block_plan_make(struct ct_block_plan *plan, const struct ct_counters *counters)
{
	uint64_t kept = least(counters->peak_blocks, counters->end_blocks);
	plan->exact = try_kept(plan, counters, kept) || (kept && try_kept(plan, counters, kept - 1));
	if (plan->exact)
		return;
	/* A sampled recording's estimates, or a damaged report: keep the peak and the end as they are. */
	struct ct_block_group *groups = plan->groups;
	groups[CT_BLOCKS_KEPT] = (struct ct_block_group){0};
	groups[CT_BLOCKS_PEAK] = (struct ct_block_group){counters->peak_blocks, counters->peak_bytes};
	groups[CT_BLOCKS_END] = (struct ct_block_group){counters->end_blocks, counters->end_bytes};
	for (int i = CT_BLOCKS_PEAK; i <= CT_BLOCKS_END; i++)
		groups[i].blocks += !has_blocks(&groups[i]);
	uint64_t blocks = groups[CT_BLOCKS_PEAK].blocks + groups[CT_BLOCKS_END].blocks;
	uint64_t bytes = groups[CT_BLOCKS_PEAK].bytes + groups[CT_BLOCKS_END].bytes;
	groups[CT_BLOCKS_FLEETING] = (struct ct_block_group){0};
	if (counters->total_blocks > blocks)
		groups[CT_BLOCKS_FLEETING] =
			(struct ct_block_group){counters->total_blocks - blocks,
						counters->total_bytes > bytes ? counters->total_bytes - bytes : 0};
}

size_t ct_block_plan_pieces(const struct ct_block_plan *plan, uint64_t temporary,
			    struct ct_block_piece pieces[CT_BLOCK_PIECES_MAX])
{
	size_t count = 0;
	for (int kind = 0; kind < CT_BLOCKS_KINDS; kind++) {
		const struct ct_block_group *group = &plan->groups[kind];
		if (!group->blocks)
			continue;
		uint64_t size = group->bytes / group->blocks, larger = group->bytes % group->blocks;
		const struct ct_block_group sizes[] = {{larger, size + 1}, {group->blocks - larger, size}};
		for (int i = 0; i < 2; i++) {
			uint64_t fast = kind == CT_BLOCKS_FLEETING ? least(temporary, sizes[i].blocks) : 0;
			temporary -= fast;
			if (fast)
				pieces[count++] = (struct ct_block_piece){kind, sizes[i].bytes, fast, true};
			if (sizes[i].blocks > fast)
				pieces[count++] =
					(struct ct_block_piece){kind, sizes[i].bytes, sizes[i].blocks - fast, false};
		}
	}
	return count;
}
