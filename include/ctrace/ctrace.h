/* SPDX-License-Identifier: MIT */
/*
 * What a program can say about itself to ctrace, and ask: marks, snapshots, pauses, totals, events, pools. Include this
 * and link nothing: without libctrace.so preloaded each call tests a weak symbol for NULL, and does nothing. C11,
 * C++11 and newer, gcc and clang; PIE, non-PIE, static, LTO (clang without PIE: compile with -fno-plt).
 *
 * All functions may be called from any thread at any time, in signal handlers too (except handlers of faults), where an
 * event or a pool's block is lost (and counted as dropped) when the handler has interrupted an allocation of its own
 * thread. None allocates, none changes errno. After fork the child's calls are about the child. ctrace(3) is the
 * manual.
 */
#ifndef CTRACE_CTRACE_H
#define CTRACE_CTRACE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* By the global offset table, where non-PIE code finds a preloaded library, too. */
#if defined(__has_attribute)
#if __has_attribute(noplt)
#define CTRACE_WEAK __attribute__((weak, noplt))
#endif
#endif
#ifndef CTRACE_WEAK
#define CTRACE_WEAK __attribute__((weak))
#endif

/* No frame of its own in any stack. */
#define CTRACE_INLINE static inline __attribute__((always_inline, unused))

#define CTRACE_ERROR_INACTIVE (-38) /* -ENOSYS: nothing is recorded */

/*
 * Sums over the process since its start, as in its report: requested bytes, all threads. Live is what is allocated
 * now, peak what was when most bytes were.
 */
struct ctrace_heap {
	size_t size; /* of this struct, as the caller knows it; set by ctrace_totals */
	uint64_t total_bytes;
	uint64_t total_blocks; /* a realloc counts as one more block */
	uint64_t live_bytes;
	uint64_t live_blocks;
	uint64_t peak_bytes;
	uint64_t peak_blocks;
	uint64_t dropped; /* allocations and frees that could not be recorded: when it changes, the rest is too low */
	uint64_t paused; /* allocations that were not recorded because of ctrace_pause */
};

/* What the preloaded library has; call the functions below instead. */
CTRACE_WEAK int ctrace_api_is_active(void);
CTRACE_WEAK int ctrace_api_totals(struct ctrace_heap *totals);
CTRACE_WEAK void ctrace_api_mark(const char *name);
CTRACE_WEAK int ctrace_api_snapshot(const char *path);
CTRACE_WEAK void ctrace_api_pause(void);
CTRACE_WEAK void ctrace_api_resume(void);
CTRACE_WEAK void ctrace_api_event(uint64_t weight);
CTRACE_WEAK void ctrace_api_pool_create(void *base);
CTRACE_WEAK void ctrace_api_pool_alloc(void *block, size_t bytes);
CTRACE_WEAK void ctrace_api_pool_free(void *block);
CTRACE_WEAK void ctrace_api_pool_clear(void *base, size_t bytes);

/* 1: this process is being recorded (perhaps as a sample, perhaps paused), 0: not. 0.2 us. */
CTRACE_INLINE int ctrace_is_active(void)
{
	return ctrace_api_is_active ? ctrace_api_is_active() : 0;
}

/*
 * The totals at a moment during the call, exactly: everything that this thread did before it, and whatever other
 * threads had done by that moment. 0, or CTRACE_ERROR_INACTIVE: then all numbers are 0. Folds the events of all threads
 * that are not folded yet: 1 us, and 5 us for each thousand of them.
 *
 *     struct ctrace_heap before, after;
 *     ctrace_totals(&before);
 *     look_up(table, key);
 *     ctrace_totals(&after);
 *     assert(after.total_blocks - before.total_blocks == 0);
 */
CTRACE_INLINE int ctrace_totals(struct ctrace_heap *totals)
{
	memset(totals, 0, sizeof(*totals));
	totals->size = sizeof(*totals);
	return ctrace_api_totals ? ctrace_api_totals(totals) : CTRACE_ERROR_INACTIVE;
}

/*
 * Name this moment: reports show its time and the totals then. Names are UTF-8, cut after 255 bytes; NULL does
 * nothing. A recording keeps 4,096 marks, further ones are counted. Costs as much as ctrace_totals.
 */
CTRACE_INLINE void ctrace_mark(const char *name)
{
	if (ctrace_api_mark)
		ctrace_api_mark(name);
}

/*
 * Write a report (DHAT JSON) of what was recorded by now, and wait for it. path NULL: the name of the report at exit
 * with a number, as app.snapshot-1.json; a file that is there is replaced. A child process writes it, that wait()
 * never sees; other threads go on. Costs what the export at exit costs: 0.1 s to seconds.
 * 0, CTRACE_ERROR_INACTIVE, or another negative errno: -EIO, the exporter has said on stderr why; -ENOEXEC, it did not
 * run (see CTRACE_BIN); -ENOMEM; -ENAMETOOLONG; -EPERM, the program is in a sandbox of its own.
 */
CTRACE_INLINE int ctrace_snapshot(const char *path)
{
	return ctrace_api_snapshot ? ctrace_api_snapshot(path) : CTRACE_ERROR_INACTIVE;
}

/*
 * From ctrace_pause to ctrace_resume allocations are not recorded, in no thread, but counted as paused. Frees are: live
 * stays true for the blocks that are recorded. A realloc of such a block is its free then. Calls nest; a
 * resume without a pause does nothing. Frees of unknown blocks are not counted any more once there was a pause, since
 * there is no way to know which were allocated in it. About 1 us; nothing for programs that never call it.
 */
CTRACE_INLINE void ctrace_pause(void)
{
	if (ctrace_api_pause)
		ctrace_api_pause();
}

CTRACE_INLINE void ctrace_resume(void)
{
	if (ctrace_api_resume)
		ctrace_api_resume();
}

/*
 * Count an event of a kind of your own at the caller's stack, with a weight (at most 2^40 - 1; more counts as
 * that). Events are not mixed with the heap: they come in a report of their own beside it, app.events.json, or by
 * `ctrace export --events STORE`, in DHAT's ad-hoc mode. Neither pauses nor sampling leave any out. Costs half as much
 * as malloc and free.
 */
CTRACE_INLINE void ctrace_event(uint64_t weight)
{
	if (ctrace_api_event)
		ctrace_api_event(weight);
}

/*
 * Pools: a program that takes large blocks and hands out parts of them can have the parts recorded like blocks of
 * malloc, at the stack that asks for them. A part's address is a multiple of 8 (else it is dropped) and
 * it needs no size: blocks of a byte every 8 bytes are fine. As with malloc, report a block after it was taken and
 * before it is given back. Each costs as much as malloc or free.
 *
 *   create  the block at base (from malloc) is a pool's storage: from now on it counts as one of 0 bytes, as if realloc
 *           had made it so. Totals keep its bytes; live and peak have what was handed out of it instead. Memory from
 *           mmap was never counted and needs no create.
 *   alloc   a block of so many bytes (at most 2^40 - 1) was handed out of a pool.
 *   free    it came back. NULL does nothing.
 *   clear   all blocks that begin in the pool's bytes from base on came back: before it is reset, or freed.
 *           A look at 4 bytes for each 8 of the pool.
 */
CTRACE_INLINE void ctrace_pool_create(void *base)
{
	if (ctrace_api_pool_create)
		ctrace_api_pool_create(base);
}

CTRACE_INLINE void ctrace_pool_alloc(void *block, size_t bytes)
{
	if (ctrace_api_pool_alloc)
		ctrace_api_pool_alloc(block, bytes);
}

CTRACE_INLINE void ctrace_pool_free(void *block)
{
	if (ctrace_api_pool_free)
		ctrace_api_pool_free(block);
}

CTRACE_INLINE void ctrace_pool_clear(void *base, size_t bytes)
{
	if (ctrace_api_pool_clear)
		ctrace_api_pool_clear(base, bytes);
}

#ifdef __cplusplus
}
#endif

#endif
