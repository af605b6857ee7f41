/* SPDX-License-Identifier: MIT */
/* The memory behind the block map: its table of leaves and the pool of records. */
#include "cold/blocks_pool.h"

#include "cold/cold.h"
#include "cold/lock.h"
#include "cold/region.h"
#include "hot/blocks.h"

#define LEAF_ENTRIES ((1ull << CT_ADDRESS_BITS) >> CT_LEAF_SHIFT)
#define POOL_BYTES_MOST (64ull << 30)
#define POOL_BYTES_LEAST (16ull << 20)

static uint32_t pool_records; /* size of the pool */
static uint32_t pool_used;
static uint32_t shared_batches; /* spilled batches: a list of lists, linked by their first records' second word */
static uint64_t leaf_count;

bool ct_blocks_init(uint32_t granule_shift)
{
	ct_blocks.granule_shift = granule_shift;
	ct_blocks.leaves = ct_region_map(LEAF_ENTRIES * sizeof(*ct_blocks.leaves));
	uint64_t bytes = POOL_BYTES_MOST;
	while (!ct_blocks.records && bytes >= POOL_BYTES_LEAST) {
		ct_blocks.records = ct_region_map(bytes);
		pool_records = (uint32_t)(bytes / sizeof(struct ct_block) - 1);
		bytes /= 4;
	}
	pool_used = 1;
	return ct_blocks.leaves && ct_blocks.records;
}

uint64_t ct_blocks_bytes(void)
{
	/* What may be touched: the records in use, and as much of the leaves as the heap covers. */
	return (uint64_t)pool_used * sizeof(struct ct_block) + leaf_count * CT_STORE_PAGE;
}

bool ct_blocks_map_leaf(uintptr_t address)
{
	if (address >> CT_ADDRESS_BITS)
		return false;
	uint32_t **slot = &ct_blocks.leaves[address >> CT_LEAF_SHIFT];
	ct_lock_get(&ct_lock_tree);
	if (!*slot) {
		uint32_t *leaf = ct_region_map((1ull << CT_LEAF_SHIFT >> ct_blocks.granule_shift) * sizeof(*leaf));
		leaf_count += leaf != NULL;
		ct_store_release(slot, leaf);
	}
	bool mapped = *slot != NULL;
	ct_lock_put(&ct_lock_tree);
	return mapped;
}

bool ct_blocks_refill(struct ct_thread *thread)
{
	ct_lock_get(&ct_lock_tree);
	uint32_t first = shared_batches;
	if (first) {
		shared_batches = (uint32_t)ct_blocks.records[first].size_birth;
		thread->free_count = CT_RECORD_BATCH;
	} else if (pool_records - pool_used >= CT_RECORD_BATCH) {
		first = pool_used;
		pool_used += CT_RECORD_BATCH;
		for (uint32_t i = first; i < first + CT_RECORD_BATCH; i++)
			ct_blocks.records[i].site_size = i + 1 < first + CT_RECORD_BATCH ? i + 1 : 0;
		thread->free_count = CT_RECORD_BATCH;
	}
	ct_lock_put(&ct_lock_tree);
	thread->free_records = first;
	return first != 0;
}

void ct_blocks_spill(struct ct_thread *thread)
{
	uint32_t first = thread->free_records;
	uint32_t last = first;
	for (uint32_t i = 1; i < CT_RECORD_BATCH; i++)
		last = (uint32_t)ct_blocks.records[last].site_size;
	thread->free_records = (uint32_t)ct_blocks.records[last].site_size;
	thread->free_count -= CT_RECORD_BATCH;
	ct_blocks.records[last].site_size = 0;

	ct_lock_get(&ct_lock_tree);
	ct_blocks.records[first].size_birth = shared_batches;
	shared_batches = first;
	ct_lock_put(&ct_lock_tree);
}
