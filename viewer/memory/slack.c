/* SPDX-License-Identifier: MIT */
#include "memory/slack.h"

#define SITES_MIN 8
#define AGREES_PERCENT 90 /* of the sites: aligned blocks, and those of allocators' own functions, do not */

/* What a program can use of a block. */
static uint64_t usable_bytes(enum ct_allocator allocator, uint64_t bytes)
{
	return ct_class_bytes(allocator, bytes) - ct_allocator_header(allocator);
}

/* Are all of the site's blocks of one size? */
static bool has_one_size(const struct ct_site *site)
{
	return site->total_blocks && site->largest_bytes && site->smallest_bytes == site->largest_bytes;
}

bool ct_slack_find_allocator(const struct ct_store_file *store, enum ct_allocator *allocator)
{
	uint64_t agree[CT_ALLOCATORS] = {0}, sites = 0;
	for (uint64_t i = 1; i < store->site_count; i++) {
		const struct ct_site *site = &store->sites[i];
		if (!has_one_size(site))
			continue;
		sites++;
		for (int j = 0; j < CT_ALLOCATORS; j++) {
			uint64_t bytes = site->largest_bytes;
			uint64_t slack = usable_bytes((enum ct_allocator)j, bytes) - bytes;
			agree[j] += site->slack_bytes / site->total_blocks == slack &&
				    site->slack_bytes % site->total_blocks == 0;
		}
	}
	*allocator = 0;
	for (int j = 1; j < CT_ALLOCATORS; j++)
		if (agree[j] > agree[*allocator])
			*allocator = (enum ct_allocator)j;
	return sites >= SITES_MIN && agree[*allocator] * 100 >= sites * AGREES_PERCENT;
}

void ct_slack_by_class(struct ct_live_blocks *blocks, enum ct_allocator allocator)
{
	for (size_t i = 0; i < blocks->count; i++) {
		struct ct_live_block *block = &blocks->rows[i];
		uint64_t next = i + 1 < blocks->count ? block[1].start : UINT64_MAX;
		uint64_t end = block->start + usable_bytes(allocator, block->bytes);
		if (!block->foreign && end > block->end)
			block->end = end < next ? end : next;
	}
}
