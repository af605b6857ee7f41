/* SPDX-License-Identifier: MIT */
/* The memory behind the block map: its table of leaves and the table of rows. */
#include "heap/block_rows.h"

#include "hot/blocks.h"
#include "hot/slow.h"
#include "sys/lock.h"
#include "sys/page.h"
#include "sys/region.h"
#include "sys/sys.h"

#define LEAF_ENTRIES ((1ull << CT_ADDRESS_BITS) >> CT_LEAF_SHIFT)
#define ROWS_BYTES_MAX (64ull << 30)
#define ROWS_STEP_BYTES (16ull << 20) /* rows are mapped in steps of this size */
#define ROWS_AT_ONCE 128u /* that are linked to a list; CT_ROW_BATCH is a multiple */
#define ROWS_MAX ((uint32_t)(ROWS_BYTES_MAX / sizeof(struct ct_block) - 1))

/* Times of resizes, by row: one array for each step of rows, mapped when a block of that step is first resized. */
static uint64_t *resizes[ROWS_BYTES_MAX / ROWS_STEP_BYTES];

#define ROWS_PER_STEP ((uint32_t)(ROWS_STEP_BYTES / sizeof(struct ct_block)))

static uint64_t rows_open_bytes; /* mapped bytes of the table */
static uint32_t rows_used; /* by threads, in whole batches */
static uint32_t shared_batches; /* spilled batches: a list of lists, linked by the second words of their first rows */

/* The leaves and the arrays of resizes, kept to report their memory: enough for a program with 256 GiB. */
#define LEAVES_COUNTED 4096u

static struct leaf {
	void *memory;
	size_t bytes;
} leaf_list[LEAVES_COUNTED];
static uint32_t leaf_count;

static bool rows_open_step(void)
{
	char *step = (char *)ct_blocks.rows + rows_open_bytes;
	if (!ct_region_fill(step, ROWS_STEP_BYTES, -1, 0))
		return false;
	ct_syscall3(SYS_madvise, step, ROWS_STEP_BYTES, MADV_NOHUGEPAGE);
	rows_open_bytes += ROWS_STEP_BYTES;
	return true;
}

/* Are the rows of the next batch writable? */
static bool rows_are_open(void)
{
	return (rows_used + (uint64_t)CT_ROW_BATCH) * sizeof(struct ct_block) <= rows_open_bytes;
}

bool ct_blocks_init(bool glibc, bool exact)
{
	ct_blocks.granule_shift = glibc && !exact ? CT_LIBC_GRANULE_SHIFT : 4;
	ct_blocks.leaves = ct_region_map(LEAF_ENTRIES * sizeof(*ct_blocks.leaves));
	if (!glibc && !(ct_blocks.small_leaves = ct_region_map(LEAF_ENTRIES * sizeof(*ct_blocks.small_leaves))))
		return false;
	ct_blocks.rows = ct_region_reserve(ROWS_BYTES_MAX);
	rows_used = 1;
	return ct_blocks.leaves && ct_blocks.rows && rows_open_step();
}

bool ct_blocks_map_side(uint32_t ***leaves)
{
	ct_lock_get(&ct_lock_tree);
	if (!*leaves)
		ct_set_release(leaves, ct_region_map(LEAF_ENTRIES * sizeof(**leaves)));
	ct_lock_put(&ct_lock_tree);
	return *leaves != NULL;
}

static uint64_t resident_bytes(const struct leaf *leaf)
{
	unsigned char pages[1024]; /* room for small pages even if they are large: qemu answers for those of its host */
	size_t step = sizeof(pages) * CT_STORE_PAGE;
	uint64_t resident = 0;
	for (size_t at = 0; at < leaf->bytes; at += step) {
		size_t left = leaf->bytes - at;
		size_t count = (left < step ? left : step) / ct_page_bytes;
		if (ct_syscall3(SYS_mincore, (char *)leaf->memory + at, count * ct_page_bytes, pages) != 0)
			return resident;
		for (size_t i = 0; i < count; i++)
			resident += (pages[i] & 1u) * ct_page_bytes;
	}
	return resident;
}

uint64_t ct_blocks_bytes(void)
{
	uint64_t bytes = (uint64_t)rows_used * sizeof(struct ct_block);
	for (uint32_t i = 0; i < leaf_count && i < LEAVES_COUNTED; i++)
		bytes += resident_bytes(&leaf_list[i]);
	return bytes;
}

static void *map_counted(size_t bytes)
{
	void *memory = ct_region_map(bytes);
	if (memory && leaf_count < LEAVES_COUNTED)
		leaf_list[leaf_count++] = (struct leaf){memory, bytes};
	return memory;
}

static CT_COLD uint64_t *map_resizes(uint64_t **slot)
{
	ct_lock_get(&ct_lock_tree);
	if (!*slot)
		ct_set_release(slot, map_counted(ROWS_PER_STEP * sizeof(**slot)));
	ct_lock_put(&ct_lock_tree);
	return *slot;
}

uint64_t ct_blocks_note_resize(uint32_t row, uint64_t birth, uint64_t ticks)
{
	uint64_t **slot = &resizes[row / ROWS_PER_STEP], *times = ct_get_acquire(slot);
	if (ct_unlikely(!times) && !(times = map_resizes(slot)))
		return birth;
	times[row % ROWS_PER_STEP] = ticks;
	return birth | CT_BLOCK_RESIZED;
}

uint64_t ct_blocks_latest(uint32_t row, uint64_t birth)
{
	const uint64_t *times = ct_get_acquire(&resizes[row / ROWS_PER_STEP]);
	return birth & CT_BLOCK_RESIZED && times ? times[row % ROWS_PER_STEP] : birth;
}

bool ct_blocks_map_leaf(uint32_t **leaves, uint32_t granule_shift, uintptr_t address)
{
	address = ct_machine_untagged(address);
	if (address >> CT_ADDRESS_BITS)
		return false;
	uint32_t **slot = &leaves[address >> CT_LEAF_SHIFT];
	ct_lock_get(&ct_lock_tree);
	if (!*slot) {
		size_t bytes = (1ull << CT_LEAF_SHIFT >> granule_shift) * sizeof(**slot);
		ct_set_release(slot, map_counted(bytes));
	}
	bool mapped = *slot != NULL;
	ct_lock_put(&ct_lock_tree);
	return mapped;
}

/* Take a batch that another thread has given back: the first of a list. 0: there is none. */
static uint32_t take_shared(void)
{
	uint32_t first = shared_batches;
	if (first)
		shared_batches = (uint32_t)ct_blocks.rows[first].size_birth;
	return first;
}

/* Take rows that were never used. */
static void take_unused(struct ct_thread *thread)
{
	if (ROWS_MAX - rows_used < CT_ROW_BATCH || (!rows_are_open() && !rows_open_step()))
		return;
	thread->unused_rows = rows_used;
	thread->unused_end = rows_used + CT_ROW_BATCH;
	rows_used += CT_ROW_BATCH;
}

/* Only some at a time, so that a thread with few blocks touches little memory. */
static uint32_t link_unused(struct ct_thread *thread)
{
	uint32_t first = thread->unused_rows;
	for (uint32_t row = first; row < first + ROWS_AT_ONCE; row++)
		ct_blocks.rows[row].site_size = row + 1 < first + ROWS_AT_ONCE ? row + 1 : 0;
	thread->unused_rows += ROWS_AT_ONCE;
	thread->free_count = ROWS_AT_ONCE;
	return first;
}

bool ct_blocks_refill(struct ct_thread *thread)
{
	uint32_t first = thread->spare_rows;
	thread->spare_rows = 0;
	if (!first && thread->unused_rows == thread->unused_end) {
		ct_lock_get(&ct_lock_tree);
		first = take_shared();
		if (!first)
			take_unused(thread);
		ct_lock_put(&ct_lock_tree);
	}
	if (first)
		thread->free_count = CT_ROW_BATCH;
	else if (thread->unused_rows < thread->unused_end)
		first = link_unused(thread);
	thread->free_rows = first;
	return first != 0;
}

void ct_blocks_spill(struct ct_thread *thread)
{
	uint32_t first = thread->spare_rows;
	if (first) {
		ct_lock_get(&ct_lock_tree);
		ct_blocks.rows[first].size_birth = shared_batches;
		shared_batches = first;
		ct_lock_put(&ct_lock_tree);
	}
	thread->spare_rows = thread->free_rows;
	thread->free_rows = 0;
	thread->free_count = 0;
}

uint32_t ct_blocks_rows_end(void)
{
	return rows_used;
}

void ct_blocks_each(bool (*visit)(void *context, uintptr_t address, uint32_t row), void *context)
{
	uint32_t cells = 1u << CT_LEAF_SHIFT >> ct_blocks.granule_shift;
	for (uintptr_t leaf = 0; leaf < LEAF_ENTRIES; leaf++) {
		const uint32_t *cell = ct_get_acquire(&ct_blocks.leaves[leaf]);
		for (uint32_t i = 0; cell && i < cells; i++) {
			uintptr_t address = leaf << CT_LEAF_SHIFT | (uintptr_t)i << ct_blocks.granule_shift;
			if (cell[i] && !visit(context, address, cell[i]))
				return;
		}
	}
}
