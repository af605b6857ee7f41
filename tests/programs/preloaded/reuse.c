/* SPDX-License-Identifier: MIT */
/*
 * An allocator that is hard on tracers, to preload after libctrace.so. All threads share one list of free blocks, the
 * block that was freed last is used first, realloc always moves, and after freeing a block the thread lets other
 * threads run before it returns. So when free or realloc returns, the address may already be a block of another
 * thread.
 */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SLOT_BYTES 2048
#define SLOTS 16384
#define BIG_BYTES (64 << 20)
#define HEADER 64 /* in front of a big block, with its size */

static _Alignas(4096) char slots[SLOTS][SLOT_BYTES];
static _Alignas(4096) char big[BIG_BYTES]; /* handed out once and never again */
static uint16_t next_free[SLOTS];
static uint32_t first_free = SLOTS, fresh;
static size_t big_used;
static atomic_flag lock = ATOMIC_FLAG_INIT;

static void get_lock(void)
{
	while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire))
		sched_yield();
}

static void put_lock(void)
{
	atomic_flag_clear_explicit(&lock, memory_order_release);
}

static int is_slot(const void *block)
{
	return (uintptr_t)block >= (uintptr_t)slots && (uintptr_t)block < (uintptr_t)(slots + SLOTS);
}

static void *take(size_t alignment, size_t bytes)
{
	void *block = NULL;
	get_lock();
	if (bytes <= SLOT_BYTES && alignment <= SLOT_BYTES && (first_free < SLOTS || fresh < SLOTS)) {
		uint32_t slot = first_free;
		if (slot < SLOTS)
			first_free = next_free[slot];
		else
			slot = fresh++;
		block = slots[slot];
	} else {
		size_t start = (big_used + HEADER + alignment - 1) / alignment * alignment;
		if (bytes < BIG_BYTES && start + bytes <= BIG_BYTES) {
			block = big + start;
			memcpy((char *)block - sizeof(bytes), &bytes, sizeof(bytes));
			big_used = start + bytes;
		}
	}
	put_lock();
	if (!block)
		errno = ENOMEM;
	return block;
}

static void give(void *block)
{
	if (!is_slot(block))
		return;
	uint32_t slot = (uint32_t)(((uintptr_t)block - (uintptr_t)slots) / SLOT_BYTES);
	get_lock();
	next_free[slot] = (uint16_t)first_free;
	first_free = slot;
	put_lock();
	for (int i = 0; i < 3; i++)
		sched_yield();
}

static size_t size_of(void *block)
{
	size_t bytes = SLOT_BYTES;
	if (!block)
		return 0;
	if (!is_slot(block))
		memcpy(&bytes, (char *)block - sizeof(bytes), sizeof(bytes));
	return bytes;
}

void *malloc(size_t bytes)
{
	return take(HEADER, bytes);
}

void *calloc(size_t count, size_t size)
{
	size_t bytes;
	void *block = __builtin_mul_overflow(count, size, &bytes) ? NULL : take(HEADER, bytes);
	return block ? memset(block, 0, bytes) : NULL;
}

void free(void *block)
{
	give(block);
}

size_t malloc_usable_size(void *block)
{
	return size_of(block);
}

void *realloc(void *block, size_t bytes)
{
	if (block && !bytes) {
		give(block);
		return NULL;
	}
	void *moved = take(HEADER, bytes);
	if (moved && block) {
		size_t old = size_of(block);
		memcpy(moved, block, old < bytes ? old : bytes);
		give(block);
	}
	return moved;
}

/* This code calls no function that the program or a tracer may have replaced. */
static void *take_aligned(size_t alignment, size_t bytes)
{
	return take(alignment < HEADER ? HEADER : alignment, bytes);
}

void *memalign(size_t alignment, size_t bytes)
{
	return take_aligned(alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	return take_aligned(alignment, bytes);
}

int posix_memalign(void **result, size_t alignment, size_t bytes)
{
	*result = take_aligned(alignment, bytes);
	return *result ? 0 : ENOMEM;
}
