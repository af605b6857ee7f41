/* SPDX-License-Identifier: MIT */
#include "memory/blocks.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctrace/block_map.h"
#include "ctrace/note.h"
#include "memory/note.h"
#include "util/array.h"

#define LEAVES (UINT64_C(1) << (CT_ADDRESS_BITS - CT_LEAF_SHIFT))
#define PIECE (64 * CT_PAGE)
#define INEXACT 16 /* bytes that a block of glibc's may begin later than the map says */

/* What one table of the map is read with. */
struct reading {
	struct ct_peer *peer;
	const struct ct_store_file *store;
	struct ct_live_blocks *blocks;
	const struct ct_block *rows; /* a copy, NULL at first: then `site` takes the row's index */
	uint64_t row_count;
	uint64_t blocks_max; /* more than that is not a block map */
	unsigned shift;
	bool foreign;
	uint64_t leaf; /* the first address of the leaf that is read */
};

/*
 * The mappings of our library and of the store are ours, and so are the library's variables right behind it. Our region
 * is known by its addresses.
 */
static void claim_own(struct ct_peer *peer, uint64_t library)
{
	uint64_t store = 0;
	for (size_t i = 0; i < peer->area_count; i++) {
		struct ct_area *area = &peer->areas[i];
		bool behind = i && area[-1].kind == CT_AREA_OWN && area[-1].end == area->start;
		if (area->kind == CT_AREA_OWN && area->inode)
			store = area->inode;
		else if (area->kind == CT_AREA_FILE && area->inode && (area->inode == library || area->inode == store))
			area->kind = CT_AREA_OWN;
		else if (area->kind <= CT_AREA_FILE && !area->inode && area->writable && behind)
			area->kind = CT_AREA_OWN;
	}
}

static uint64_t find_map(struct ct_peer *peer)
{
	int32_t content[2];
	uint64_t found = 0;
	for (size_t i = 0; i < peer->area_count && !found; i++) {
		found = ct_note_in(peer, &peer->areas[i], &(struct ct_note){CT_NOTE_BLOCKS, 2, content});
		if (found)
			claim_own(peer, peer->areas[i].inode);
	}
	return found && content[1] == CT_BLOCK_MAP_LAYOUT ? found + (uint64_t)(int64_t)content[0] : 0;
}

static int add_block(struct reading *reading, uint64_t address, uint32_t row, struct ct_error_text *error)
{
	struct ct_live_blocks *blocks = reading->blocks;
	if (blocks->count >= reading->blocks_max)
		return ct_error_set(error, CT_ERR_DAMAGED,
				    "the block map of process %d has far more blocks than its store",
				    reading->peer->process->pid);
	if (!ct_array_room(&blocks->rows, &blocks->room, blocks->count + 1, sizeof(*blocks->rows)))
		return ct_error_no_memory(error);
	blocks->rows[blocks->count++] =
		(struct ct_live_block){.address = address, .site = row, .foreign = reading->foreign};
	if (row >= reading->row_count)
		reading->row_count = (uint64_t)row + 1;
	return CT_OK;
}

/* Call `piece` with the resident parts of a range. */
static int read_range(struct reading *reading, uint64_t start, uint64_t end,
		      int (*piece)(struct reading *, uint64_t from, const char *bytes, size_t length, void *,
				   struct ct_error_text *),
		      void *context, struct ct_error_text *error)
{
	struct ct_page_runs runs = {0};
	char *buffer = malloc(PIECE);
	int code = buffer && !ct_peer_pages(reading->peer, start, end, &runs) ? CT_OK : ct_error_no_memory(error);
	for (size_t i = 0; i < runs.count && !code; i++) {
		const struct ct_page_run *run = &runs.rows[i];
		for (uint64_t at = run->start; at < run->end && run->resident && !code; at += PIECE) {
			size_t length = run->end - at < PIECE ? run->end - at : PIECE;
			code = piece(reading, at - start, buffer, ct_peer_read(reading->peer, at, buffer, length),
				     context, error);
		}
	}
	free(buffer);
	free(runs.rows);
	return code;
}

static int read_cells(struct reading *reading, uint64_t from, const char *bytes, size_t length, void *context,
		      struct ct_error_text *error)
{
	int code = CT_OK;
	(void)context;
	for (size_t i = 0; i + sizeof(uint32_t) <= length && !code; i += sizeof(uint32_t)) {
		uint32_t row;
		memcpy(&row, bytes + i, sizeof(row));
		if (row)
			code = add_block(reading, reading->leaf + ((from + i) / sizeof(row) << reading->shift), row,
					 error);
	}
	return code;
}

static int read_leaves(struct reading *reading, uint64_t from, const char *bytes, size_t length, void *context,
		       struct ct_error_text *error)
{
	int code = CT_OK;
	for (size_t i = 0; i + sizeof(uint64_t) <= length && !code; i += sizeof(uint64_t)) {
		uint64_t leaf;
		memcpy(&leaf, bytes + i, sizeof(leaf));
		if (!leaf || leaf % CT_PAGE || leaf >> CT_ADDRESS_BITS)
			continue;
		reading->leaf = (from + i) / sizeof(leaf) << CT_LEAF_SHIFT;
		code = read_range(reading, leaf, leaf + (sizeof(uint32_t) << (CT_LEAF_SHIFT - reading->shift)),
				  read_cells, context, error);
	}
	return code;
}

static int read_table(struct reading *reading, const void *leaves, unsigned shift, bool foreign,
		      struct ct_error_text *error)
{
	uint64_t start = (uintptr_t)leaves;
	if (!start || start % CT_PAGE || start >> CT_ADDRESS_BITS)
		return CT_OK;
	reading->shift = shift;
	reading->foreign = foreign;
	return read_range(reading, start, start + LEAVES * sizeof(uint64_t), read_leaves, NULL, error);
}

static int copy_rows(struct reading *reading, uint64_t from, const char *bytes, size_t length, void *context,
		     struct ct_error_text *error)
{
	uint64_t room = reading->row_count * sizeof(struct ct_block);
	(void)error;
	if (from < room)
		memcpy((char *)context + from, bytes, length < room - from ? length : room - from);
	return CT_OK;
}

/* Does the block lie in the process's memory? A row that was free when it was read has any size, mostly a huge one. */
static bool is_mapped(const struct ct_peer *peer, const struct ct_live_block *block)
{
	return ct_peer_area(peer, block->address) && (!block->bytes || ct_peer_area(peer, block->end - 1));
}

/* A block whose row is not of this segment, or not a row of this store, is left out. */
static bool fill_in(const struct reading *reading, struct ct_live_block *block)
{
	const struct ct_block *row = &reading->rows[block->site];
	uint32_t site = ct_block_site(row);
	if (!site || site >= reading->store->site_count ||
	    (ct_block_birth(row) & ~CT_BLOCK_RESIZED) < reading->store->header->totals.start_ticks)
		return false;
	if (row->site_size & CT_BLOCK_ODD && !reading->blocks->glibc)
		block->address |= 8;
	block->bytes = ct_block_bytes(row);
	block->start = block->address;
	block->end = block->address + block->bytes;
	block->site = site;
	return is_mapped(reading->peer, block);
}

static int compare_addresses(const void *left, const void *right)
{
	const struct ct_live_block *a = left, *b = right;
	return a->address < b->address ? -1 : a->address > b->address;
}

/* Replace the indices of rows by what the rows say. */
static int resolve(struct reading *reading, const struct ct_block *rows, struct ct_error_text *error)
{
	struct ct_live_blocks *blocks = reading->blocks;
	uint64_t start = (uintptr_t)rows, bytes = (reading->row_count * sizeof(*rows) + CT_PAGE - 1) & -CT_PAGE;
	size_t kept = 0;
	struct ct_block *copy = calloc(reading->row_count + 1, sizeof(*copy));
	if (!copy)
		return ct_error_no_memory(error);
	int code = start % CT_PAGE || start >> CT_ADDRESS_BITS
			   ? CT_OK
			   : read_range(reading, start, start + bytes, copy_rows, copy, error);
	reading->rows = copy;
	for (size_t i = 0; i < blocks->count && !code; i++)
		if (fill_in(reading, &blocks->rows[i]))
			blocks->rows[kept++] = blocks->rows[i];
	free(copy);
	blocks->count = kept;
	return code;
}

/*
 * Those of several tables are not in order, and a row that was read while it changed may overlap with the next. Of
 * glibc's blocks, the addresses are not exact yet.
 */
static void put_in_order(struct ct_live_blocks *blocks)
{
	size_t kept = 0;
	for (size_t i = 1; i < blocks->count; i++) {
		if (blocks->rows[i].address < blocks->rows[i - 1].address) {
			qsort(blocks->rows, blocks->count, sizeof(*blocks->rows), compare_addresses);
			break;
		}
	}
	for (size_t i = 0; i < blocks->count; i++) {
		struct ct_live_block *block = &blocks->rows[i], *last = kept ? &blocks->rows[kept - 1] : NULL;
		if (last && last->end > block->start + (blocks->rounded ? INEXACT : 0))
			continue;
		blocks->bytes += block->bytes;
		blocks->rows[kept++] = *block;
	}
	blocks->count = kept;
}

int ct_live_blocks_read(struct ct_peer *peer, const struct ct_store_file *store, struct ct_live_blocks *blocks,
			struct ct_error_text *error)
{
	const struct ct_totals *totals = &store->header->totals;
	struct ct_block_map map;
	struct reading reading = {.peer = peer, .store = store, .blocks = blocks};
	uint64_t at = find_map(peer);
	*blocks = (struct ct_live_blocks){0};
	if (!at || ct_peer_read(peer, at, &map, sizeof(map)) != sizeof(map))
		return ct_error_set(
			error, CT_ERR_IO,
			at ? "the memory of process %d cannot be read: the system does not let you "
			     "(process_vm_readv); run this as root"
			   : "process %d has a library of another version of ctrace: no block map was found",
			peer->process->pid);
	if (map.granule_shift < CT_SMALL_GRANULE_SHIFT || map.granule_shift > CT_LIBC_GRANULE_SHIFT)
		return ct_error_set(error, CT_ERR_DAMAGED, "the block map of process %d is damaged",
				    peer->process->pid);
	blocks->glibc = !map.small_leaves;
	blocks->rounded = blocks->glibc && map.granule_shift == CT_LIBC_GRANULE_SHIFT;
	reading.blocks_max = 2 * (uint64_t)(totals->live_blocks > 0 ? totals->live_blocks : 0) + (1u << 20);
	int code = read_table(&reading, map.leaves, map.granule_shift, false, error);
	if (!code)
		code = read_table(&reading, map.small_leaves, CT_SMALL_GRANULE_SHIFT, false, error);
	if (!code)
		code = read_table(&reading, map.foreign_leaves, CT_SMALL_GRANULE_SHIFT, true, error);
	if (!code)
		code = read_table(&reading, map.pool_leaves, CT_SMALL_GRANULE_SHIFT, true, error);
	if (!code)
		code = resolve(&reading, map.rows, error);
	put_in_order(blocks);
	return code;
}
