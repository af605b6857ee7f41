/* SPDX-License-Identifier: MIT */
#include "sys/arena.h"

#include "sys/page.h"
#include "sys/region.h"
#include "sys/sys.h"

#define CHUNK_BYTES (256u * 1024)
#define FIRST_CHUNK_BYTES 1024u
#define LARGE_BYTES (64u * 1024)

/*
 * Small pieces are cut from a chunk; pieces of at least LARGE_BYTES have a mapping each. The first chunk is large
 * enough for a process that sleeps.
 */
static char first_chunk[FIRST_CHUNK_BYTES] CT_ALIGNED(16);
static char *chunk = first_chunk;
static size_t chunk_left = FIRST_CHUNK_BYTES;
static uint64_t mapped_bytes;

static void *map(size_t bytes)
{
	void *memory = ct_region_map(bytes);
	if (memory)
		mapped_bytes += bytes;
	return memory;
}

void *ct_arena_alloc(size_t bytes)
{
	if (bytes >= LARGE_BYTES)
		return map(ct_page_round_up(bytes));
	bytes = (bytes + 15) & ~(size_t)15;
	if (bytes > chunk_left) {
		char *fresh = map(CHUNK_BYTES);
		if (!fresh)
			return NULL;
		chunk = fresh;
		chunk_left = CHUNK_BYTES;
	}
	void *piece = chunk;
	chunk += bytes;
	chunk_left -= bytes;
	return piece;
}

void ct_arena_free(void *piece, size_t bytes)
{
	if (bytes < LARGE_BYTES)
		return;
	ct_sys_munmap(piece, ct_page_round_up(bytes));
	mapped_bytes -= ct_page_round_up(bytes);
}

void ct_arena_clear(void *piece, size_t bytes)
{
	uintptr_t first = ct_page_round_up((uintptr_t)piece);
	uintptr_t end = ct_page_round_down((uintptr_t)piece + bytes);
	if (bytes < LARGE_BYTES || ct_syscall3(SYS_madvise, (void *)first, end - first, MADV_DONTNEED) != 0) {
		__builtin_memset(piece, 0, bytes);
		return;
	}
	__builtin_memset(piece, 0, first - (uintptr_t)piece);
	__builtin_memset((void *)end, 0, (uintptr_t)piece + bytes - end);
}

void ct_arena_retire(void *piece, size_t bytes)
{
	ct_arena_clear(piece, bytes);
	if (bytes >= LARGE_BYTES)
		mapped_bytes -= ct_page_round_down(bytes);
}

uint64_t ct_arena_bytes(void)
{
	return mapped_bytes;
}
