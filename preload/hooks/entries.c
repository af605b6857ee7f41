/* SPDX-License-Identifier: MIT */
/*
 * The functions that are called instead of an allocator's own. The real function runs without the guard: it may throw,
 * call the program's new handler, or call malloc by name. Hot path, any thread.
 */
#include "hooks/entries.h"

#include <errno.h>
#include <string.h>

#include "hooks/operators.h"
#include "hooks/side_blocks.h"
#include "hot/blocks.h"
#include "hot/record.h"

/* The arguments, as many as the longest function has. */
struct words {
	uintptr_t at[6];
};

static inline uintptr_t call(const struct ct_entry_point *entry, const struct words *words)
{
	return ((uintptr_t(*)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t))entry->real)(
		words->at[0], words->at[1], words->at[2], words->at[3], words->at[4], words->at[5]);
}

/* Like ct_enter, which would take our own return address for the caller's. */
static inline bool enter(const struct ct_registers *caller)
{
	return ct_unlikely(ct_tls.busy) ? ct_enter_nested(caller->pc) : ct_enter();
}

static inline uint32_t take(const struct ct_entry_point *entry, uintptr_t block)
{
	return entry->foreign ? ct_side_take(ct_side_cell(&ct_blocks.foreign_leaves, block)) : ct_block_take(block);
}

static void record(const struct ct_entry_point *entry, const struct ct_registers *caller, uintptr_t block, size_t bytes)
{
	if (!block || !enter(caller))
		return;
	int saved = errno;
	if (!entry->foreign)
		ct_record_alloc(caller, (void *)block, bytes);
	else if (!ct_side_alloc(&ct_blocks.foreign_leaves, caller, block, bytes))
		ct_count_loss(CT_LOSS_DROPPED);
	errno = saved;
	ct_leave();
}

static void record_resize(const struct ct_entry_point *entry, const struct ct_registers *caller, uint32_t row,
			  uintptr_t old, uintptr_t moved, size_t bytes)
{
	if (!enter(caller))
		return;
	int saved = errno;
	if (entry->foreign)
		ct_side_resize(&ct_blocks.foreign_leaves, caller, row, (void *)old, (void *)moved, bytes);
	else
		ct_record_resize(caller, row, (void *)old, (void *)moved, bytes);
	errno = saved;
	ct_leave();
}

static __attribute__((noinline)) uintptr_t
allocate(const struct ct_entry_point *entry, const struct ct_registers *caller, const struct words *words, size_t bytes)
{
	uintptr_t block = call(entry, words);
	record(entry, caller, block, bytes);
	return block;
}

/* posix_memalign */
static __attribute__((noinline)) uintptr_t allocate_into(const struct ct_entry_point *entry,
							 const struct ct_registers *caller, const struct words *words)
{
	uintptr_t error = call(entry, words);
	if ((int)error == 0)
		record(entry, caller, *(const uintptr_t *)words->at[0], words->at[2]);
	return error;
}

static __attribute__((noinline)) uintptr_t copy_text(const struct ct_entry_point *entry,
						     const struct ct_registers *caller, const struct words *words)
{
	uintptr_t block = call(entry, words);
	record(entry, caller, block, block ? strlen((const char *)block) + 1 : 0);
	return block;
}

/* frees: the old block is gone even if there is no new one. */
static __attribute__((noinline)) uintptr_t resize(const struct ct_entry_point *entry, const struct ct_registers *caller,
						  const struct words *words, uintptr_t block, size_t bytes, bool frees)
{
	uint32_t row = 0;
	if (block && enter(caller)) {
		row = take(entry, block);
		ct_leave();
	}
	uintptr_t moved = call(entry, words);
	record_resize(entry, caller, row, block, moved, moved || !frees ? bytes : 0);
	return moved;
}

/* xallocx: resize in place, to at least `bytes`, and up to `extra` more. Returns the size that the block has now. */
static __attribute__((noinline)) uintptr_t expand(const struct ct_entry_point *entry, const struct ct_registers *caller,
						  const struct words *words)
{
	uintptr_t block = words->at[0], bytes = words->at[1], most;
	uintptr_t now = call(entry, words);
	if (__builtin_add_overflow(bytes, words->at[2], &most))
		most = UINTPTR_MAX;
	if (now < bytes || !enter(caller))
		return now;
	uint32_t row = take(entry, block);
	ct_leave();
	record_resize(entry, caller, row, block, block, now < most ? now : most);
	return now;
}

/* Record the free of a block of which the real function has not been called yet. */
static void record_free(const struct ct_entry_point *entry, const struct ct_registers *caller, uintptr_t block)
{
	if (!block || ct_free_passes((const void *)block) || !enter(caller))
		return;
	uint32_t row = take(entry, block);
	if (row)
		ct_record_free(row, (const void *)block);
	else if (!ct_tracer.partial)
		ct_count_loss(CT_LOSS_UNKNOWN_FREE);
	ct_leave();
}

static __attribute__((noinline)) uintptr_t release(const struct ct_entry_point *entry,
						   const struct ct_registers *caller, const struct words *words)
{
	int saved = errno;
	record_free(entry, caller, words->at[0]);
	errno = saved;
	ct_deleting = (void *)words->at[0]; /* it may call free by name */
	uintptr_t result = call(entry, words);
	ct_deleting = NULL;
	return result;
}

struct visit {
	const struct ct_entry_point *entry;
	const struct ct_registers *caller;
};

static bool visit_block(const void *heap, const void *area, void *block, size_t bytes, void *context)
{
	const struct visit *visit = context;
	(void)heap, (void)area, (void)bytes;
	if (!block || !enter(visit->caller))
		return true;
	uint32_t row = take(visit->entry, (uintptr_t)block);
	if (row)
		ct_record_free(row, block);
	ct_leave();
	return true;
}

/* mi_heap_destroy frees all blocks of a heap; the first heap of a thread stays as it is. */
static __attribute__((noinline)) uintptr_t destroy(const struct ct_entry_point *entry,
						   const struct ct_registers *caller, const struct words *words)
{
	struct visit visit = {entry, caller};
	if (ct_entry_visit_heap && ct_entry_first_heap && words->at[0] && words->at[0] != ct_entry_first_heap())
		ct_entry_visit_heap((const void *)words->at[0], true, visit_block, &visit);
	return call(entry, words);
}

bool (*ct_entry_visit_heap)(const void *heap, bool blocks, ct_entry_visitor *visitor, void *context);
uintptr_t (*ct_entry_first_heap)(void);

static inline size_t product(size_t count, size_t size)
{
	return count * size; /* if it does not fit, the real function fails */
}

#define KIND_alloc_1 allocate(entry, CT_CALLER, &words, a)
#define KIND_alloc_2 allocate(entry, CT_CALLER, &words, b)
#define KIND_array_1 allocate(entry, CT_CALLER, &words, product(a, b))
#define KIND_array_2 allocate(entry, CT_CALLER, &words, product(b, c))
#define KIND_into allocate_into(entry, CT_CALLER, &words)
#define KIND_text copy_text(entry, CT_CALLER, &words)
#define KIND_resize_1 resize(entry, CT_CALLER, &words, a, b, false)
#define KIND_resize_2 resize(entry, CT_CALLER, &words, b, c, false)
#define KIND_resize_array_1 resize(entry, CT_CALLER, &words, a, product(b, c), false)
#define KIND_resize_array_2 resize(entry, CT_CALLER, &words, b, product(c, d), false)
#define KIND_resize_or_free_1 resize(entry, CT_CALLER, &words, a, b, true)
#define KIND_resize_or_free_2 resize(entry, CT_CALLER, &words, b, c, true)
#define KIND_expand expand(entry, CT_CALLER, &words)
#define KIND_free release(entry, CT_CALLER, &words)
#define KIND_destroy destroy(entry, CT_CALLER, &words)

#define CT_ENTRY(name, kind)                                                                                           \
	static uintptr_t entry_##name(uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t e, uintptr_t f)    \
	{                                                                                                              \
		const struct ct_entry_point *entry = &ct_entries[CT_ENTRY_##name];                                     \
		struct words words = {{a, b, c, d, e, f}};                                                             \
		return KIND_##kind;                                                                                    \
	}
#include "hooks/entries.def"

struct ct_entry_point ct_entries[CT_ENTRIES] = {
#define CT_ENTRY(entry_name, kind) {.name = #entry_name, .ours = (void *)entry_##entry_name},
#include "hooks/entries.def"
};
