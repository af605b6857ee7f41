/* SPDX-License-Identifier: MIT */
/*
 * glibc's heads. A block of N bytes lies in a chunk of N + 8 bytes, rounded up to 16 and at least 32, that begins 16
 * bytes before the block; the word before the block has the chunk's size and flags. The block's first 8 bytes behind
 * the chunk's end belong to it too.
 */
#include <stdlib.h>
#include <string.h>

#include "memory/blocks.h"

#define HEAD 8
#define STEP 16 /* blocks begin at multiples of it, and the map has every second one */
#define CHUNK_MIN 32
#define FLAGS 7
#define IS_MAPPED 2
#define ROUNDED 64 /* a chunk may be larger than necessary by less than this */
#define PIECE (256 * CT_PAGE)

/* A part of the process's memory. What was not resident is zero. */
struct window {
	const struct ct_peer *peer;
	const struct ct_page_runs *runs;
	size_t run; /* the first that ends behind the window's start */
	uint64_t start, end;
	char *bytes;
};

static void move_window(struct window *window, uint64_t address)
{
	window->start = address & -CT_PAGE;
	window->end = window->start + PIECE;
	memset(window->bytes, 0, PIECE);
	while (window->run < window->runs->count && window->runs->rows[window->run].end <= window->start)
		window->run++;
	for (size_t i = window->run; i < window->runs->count && window->runs->rows[i].start < window->end; i++) {
		const struct ct_page_run *run = &window->runs->rows[i];
		uint64_t from = run->start > window->start ? run->start : window->start;
		uint64_t to = run->end < window->end ? run->end : window->end;
		if (run->resident)
			ct_peer_read(window->peer, from, window->bytes + (from - window->start), to - from);
	}
}

/* A word of memory; the addresses that are asked for grow, or go back by less than a page. */
static uint64_t word_at(struct window *window, uint64_t address)
{
	uint64_t word;
	if (address < window->start || address + sizeof(word) > window->end)
		move_window(window, address > CT_PAGE ? address - CT_PAGE : 0);
	memcpy(&word, window->bytes + (address - window->start), sizeof(word));
	return word;
}

static uint64_t least_chunk(uint64_t bytes)
{
	uint64_t chunk = (bytes + HEAD + STEP - 1) & ~(uint64_t)(STEP - 1);
	return chunk < CHUNK_MIN ? CHUNK_MIN : chunk;
}

/* Could this be the head of a block of this size? */
static bool fits(uint64_t head, uint64_t bytes)
{
	uint64_t chunk = head & ~(uint64_t)FLAGS, least = least_chunk(bytes);
	if (head & HEAD || chunk < least)
		return false;
	return chunk - least < (head & IS_MAPPED ? 2 * CT_PAGE + bytes : ROUNDED);
}

static void measure(struct window *window, struct ct_live_block *block, uint64_t next, bool rounded)
{
	if (block->foreign)
		return;
	uint64_t address = block->address, head = word_at(window, address - HEAD);
	bool exact = fits(head, block->bytes);
	if (rounded && address % (2 * STEP) == 0) { /* the map's address may be the one before */
		uint64_t other = word_at(window, address + HEAD);
		/* If both could be heads, the chunk's end decides: the next block is not inside it. */
		bool inside = address - HEAD + (head & ~(uint64_t)FLAGS) > next;
		if (fits(other, block->bytes) && (!exact || inside)) {
			address += STEP;
			head = other;
			exact = true;
		}
	}
	uint64_t chunk = exact ? head & ~(uint64_t)FLAGS : least_chunk(block->bytes);
	block->address = address;
	block->start = address - HEAD;
	block->end = block->start + chunk;
	block->mapped = exact && head & IS_MAPPED;
	if (block->mapped) { /* the word before the head is the distance from the mapping's start */
		uint64_t before = word_at(window, address - 2 * HEAD);
		block->start = address - 2 * HEAD - (before < chunk ? before : 0);
		block->end = address - 2 * HEAD + chunk;
	}
}

int ct_live_blocks_measure(const struct ct_peer *peer, struct ct_live_blocks *blocks)
{
	struct window window = {.peer = peer, .runs = &peer->runs, .bytes = malloc(PIECE)};
	for (size_t i = 0; i < blocks->count && window.bytes; i++) {
		struct ct_live_block *block = &blocks->rows[i];
		measure(&window, block, i + 1 < blocks->count ? block[1].address : UINT64_MAX, blocks->rounded);
		if (i && block->start < block[-1].end) /* read while it changed */
			block[-1].end = block->start > block[-1].start ? block->start : block[-1].start;
	}
	free(window.bytes);
	return window.bytes ? 0 : -1;
}
