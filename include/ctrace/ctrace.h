/* SPDX-License-Identifier: MIT */
/*
 * How a program measures and annotates its own recording: totals, marks, snapshots, pauses, ad-hoc events, pools.
 *
 * Include this header and link nothing. Each function is inline and calls a weak symbol, which libctrace.so defines if
 * it is preloaded. Without the library, a call tests that symbol for NULL and does nothing. Works with C11, C++11 and
 * newer, gcc and clang; in PIE, non-PIE, static and LTO builds (clang without PIE: compile with -fno-plt).
 *
 * Any thread may call any function at any time. So may signal handlers, except handlers of faults. If a handler has
 * interrupted an allocation of its own thread, an event or a pool's block is lost and counted as dropped.
 *
 * None of the functions allocates heap memory or changes errno. After fork, calls in the child apply to the child. The
 * manual is ctrace(3).
 */
#ifndef CTRACE_CTRACE_H
#define CTRACE_CTRACE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __clang__ /* which has these warnings for C in a header, too */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wcast-align"
#pragma clang diagnostic ignored "-Wold-style-cast"
#pragma clang diagnostic ignored "-Wzero-as-null-pointer-constant"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * noplt: the call goes through the global offset table, the only way by which non-PIE code finds a preloaded library.
 */
#if defined(__has_attribute)
#if __has_attribute(noplt)
#define CTRACE_WEAK __attribute__((weak, noplt))
#endif
#endif
#ifndef CTRACE_WEAK
#define CTRACE_WEAK __attribute__((weak))
#endif

/* Always inline: these functions add no frame to any call stack. */
#define CTRACE_INLINE static inline __attribute__((always_inline, unused))

#define CTRACE_ERROR_INACTIVE (-38) /* -ENOSYS: nothing is recorded */

/*
 * The process's sums since its start, over all threads, as in its report. Bytes are requested bytes. "Live" is what is
 * allocated now; "peak" is what was live at the moment of most live bytes. In a sampled recording all numbers except
 * the last two are estimates.
 */
struct ctrace_heap {
	size_t size; /* of this struct in the caller's version; ctrace_totals sets it */
	uint64_t total_bytes;
	uint64_t total_blocks; /* a realloc counts as one more block */
	uint64_t live_bytes;
	uint64_t live_blocks;
	uint64_t peak_bytes;
	uint64_t peak_blocks;
	uint64_t dropped; /* events that could not be recorded; if this changes, the other numbers are too low */
	uint64_t paused; /* allocations that ctrace_pause left out */
};

/* What the preloaded library exports. C and C++ call the functions below instead; other languages may call these. */
CTRACE_WEAK int ctrace_api_is_active(void);
CTRACE_WEAK int ctrace_api_totals(struct ctrace_heap *totals);
CTRACE_WEAK void ctrace_api_mark(const char *name);
CTRACE_WEAK int ctrace_api_snapshot(const char *path);
CTRACE_WEAK void ctrace_api_pause(void);
CTRACE_WEAK void ctrace_api_resume(void);
CTRACE_WEAK void ctrace_api_event(uint64_t weight);
CTRACE_WEAK void ctrace_api_tag_push(const char *tag);
CTRACE_WEAK void ctrace_api_tag_pop(void);
CTRACE_WEAK long ctrace_api_tags(void); /* struct ctrace_tags from the thread pointer on; 0: only calls push and pop */
CTRACE_WEAK void ctrace_api_pool_create(void *base);
CTRACE_WEAK void ctrace_api_pool_alloc(void *block, size_t bytes);
CTRACE_WEAK void ctrace_api_pool_free(void *block);
CTRACE_WEAK void ctrace_api_pool_clear(void *base, size_t bytes);

/* Is this process being recorded? Returns 1 if it is, also as a sample or during a pause, else 0. Takes 0.2 us. */
CTRACE_INLINE int ctrace_is_active(void)
{
	return ctrace_api_is_active ? ctrace_api_is_active() : 0;
}

/*
 * Fill *totals, which must not be NULL, with the exact sums at one moment during the call: everything that this thread
 * did before the call, and whatever other threads had done by that moment.
 *
 * Returns 0, or CTRACE_ERROR_INACTIVE; then all numbers are 0. Takes 1 us, and 5 us more for each thousand events (of
 * any thread) that are not folded yet.
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
 * Name this moment. Reports show its time, and the totals at that time. The name is NUL-terminated UTF-8; it is copied,
 * and cut after 255 bytes. NULL does nothing. A recording keeps 4,096 marks; further ones are only counted. Costs as
 * much as ctrace_totals.
 */
CTRACE_INLINE void ctrace_mark(const char *name)
{
	if (ctrace_api_mark)
		ctrace_api_mark(name);
}

/*
 * Write a report (DHAT JSON) of everything recorded so far, and wait until it is written. Other threads continue.
 *
 * path: the report's file, which is replaced if it exists. NULL: the name of the report at exit, with a number, such as
 * app.snapshot-1.json. A child process writes the report; the program's wait() never sees that child. Takes as long as
 * the export at exit: 0.1 s to seconds.
 *
 * Returns 0, CTRACE_ERROR_INACTIVE, or another negative errno:
 *   -EIO           the exporter failed and has said why on stderr
 *   -ENOEXEC       the exporter did not run (see CTRACE_BIN in ctrace-record(1))
 *   -ENOENT        path is empty
 *   -ENAMETOOLONG  the name made for a path of NULL is too long
 *   -ENOMEM        no memory
 *   -EPERM         the program is in a sandbox of its own (seccomp)
 */
CTRACE_INLINE int ctrace_snapshot(const char *path)
{
	return ctrace_api_snapshot ? ctrace_api_snapshot(path) : CTRACE_ERROR_INACTIVE;
}

/*
 * From ctrace_pause to ctrace_resume, allocations are not recorded in any thread; they are only counted as paused.
 * Frees are still recorded, so the live numbers stay true for the blocks that were recorded. A realloc of such a block
 * counts as its free.
 *
 * Pauses nest. A resume without a pause does nothing. After the first pause, frees of unknown blocks are no longer
 * counted, since these blocks may have been allocated during a pause. Takes about 1 us. A program that never pauses
 * pays nothing.
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
 * Count one event of a kind of your own at the caller's call stack. The weight is in a unit of your choice, at most
 * 2^40 - 1; a larger one counts as that. Events are kept apart from the heap: they get a report of their own in DHAT's
 * ad-hoc mode, app.events.json beside app.json, or from `ctrace export --events STORE`. Pauses and sampling leave no
 * event out. Costs half as much as malloc and free together.
 */
CTRACE_INLINE void ctrace_event(uint64_t weight)
{
	if (ctrace_api_event)
		ctrace_api_event(weight);
}

/*
 * What ctrace_tag_push and ctrace_tag_pop share with the library, so that mostly neither calls it: the address of the
 * slot for the thread's next tag. The 8 slots fill the upper half of a page of 4 KiB, so the address shows whether a
 * slot is free, and whether there is one before it. NULL: the thread has pushed nothing yet. A signal handler may push
 * and pop between any two of the stores, so a slot is first taken, and then written by one store.
 */
struct ctrace_tags {
	char *volatile next;
	volatile uint32_t *changed; /* written at each push and pop; the thread's next event looks at it */
};

#define CTRACE_TAG_SLOT_BYTES 256u
#define CTRACE_TAG_SLOTS_BYTES 2048u
#define CTRACE_TAG_FREE UINT64_MAX /* the first word of a slot that no name was written into since its latest pop */
#define CTRACE_TAG_CHANGED UINT32_MAX

static long ctrace_tags_place __attribute__((unused)); /* ctrace_api_tags(); 0: not known */

CTRACE_INLINE struct ctrace_tags *ctrace_tags_of_thread(long place)
{
	char *thread = NULL; /* read each time, since a coroutine may have changed threads */
#if defined(__x86_64__) && defined(__LP64__)
	__asm__ volatile("mov{q}\t{%%fs:0, %0|%0, fs:0}" : "=r"(thread));
#elif defined(__aarch64__)
	__asm__ volatile("mrs\t%0, tpidr_el0" : "=r"(thread));
#endif
	return (struct ctrace_tags *)(void *)(thread + place);
}

#if defined(__SSE2__) && defined(__LP64__)
typedef char ctrace_tag_bytes __attribute__((vector_size(16)));

/* 16 bytes from an address on. Neither compiler nor sanitizer knows that a name may be shorter. */
CTRACE_INLINE ctrace_tag_bytes ctrace_tag_read(const char *name)
{
	ctrace_tag_bytes bytes;
#ifdef __AVX__
	__asm__ volatile("vmovdqu\t{(%1), %0|%0, [%1]}" : "=x"(bytes) : "r"(name) : "memory");
#else
	__asm__ volatile("movdqu\t{(%1), %0|%0, [%1]}" : "=x"(bytes) : "r"(name) : "memory");
#endif
	return bytes;
}
#endif

static __attribute__((noinline, unused)) void ctrace_tag_call_push(const char *name, long place)
{
	ctrace_api_tag_push(name);
	if (!place && ctrace_api_tags)
		__atomic_store_n(&ctrace_tags_place, ctrace_api_tags(), __ATOMIC_RELAXED);
}

/*
 * From ctrace_tag_push to ctrace_tag_pop, what this thread allocates, copies and counts is recorded under a tag, such
 * as a kind of request, a tenant or a phase. Each stack then begins with it: "[tag checkout]". Tags nest, 8 deep:
 * "[tag checkout/payment]". A name is NUL-terminated UTF-8 and cut so that the whole has at most 255 bytes. NULL counts
 * as "". A recording has 4,096 tags at most; further ones are "[tag others]". So a tag is a kind of request, not its
 * number. A pop without a push does nothing.
 *
 * A tag belongs to a thread, not to a coroutine or a task. A block keeps the tag that it was allocated under. The name
 * may change or be freed after the call. A push and its pop take 2 ns, and 12 ns if there are allocations in between;
 * if there are also some without the tag, 200 ns below 20 frames. Pairs of malloc and free cost the same as without a
 * tag.
 */
CTRACE_INLINE void ctrace_tag_push(const char *tag)
{
	long place = __atomic_load_n(&ctrace_tags_place, __ATOMIC_RELAXED);
#if defined(__SSE2__) && defined(__LP64__)
	if (place && __builtin_expect(((uintptr_t)tag - 1) % 4096 < 4096 - 16, 1)) { /* not NULL, all in one page */
		struct ctrace_tags *tags = ctrace_tags_of_thread(place);
		char *slot = tags->next;
		ctrace_tag_bytes bytes = ctrace_tag_read(tag);
		if (__builtin_expect((uintptr_t)slot & CTRACE_TAG_SLOTS_BYTES && __builtin_ia32_pmovmskb128(bytes == 0),
				     1)) {
			tags->next = slot + CTRACE_TAG_SLOT_BYTES;
			*(volatile ctrace_tag_bytes *)slot = bytes;
			*tags->changed = CTRACE_TAG_CHANGED;
			return;
		}
	}
#endif
	if (ctrace_api_tag_push)
		ctrace_tag_call_push(tag, place);
}

CTRACE_INLINE void ctrace_tag_pop(void)
{
	long place = __atomic_load_n(&ctrace_tags_place, __ATOMIC_RELAXED);
	if (place) {
		struct ctrace_tags *tags = ctrace_tags_of_thread(place);
		char *next = tags->next;
		if (__builtin_expect((uintptr_t)next & (CTRACE_TAG_SLOTS_BYTES - CTRACE_TAG_SLOT_BYTES), 1)) {
			next -= CTRACE_TAG_SLOT_BYTES;
			tags->next = next;
			*(volatile uint64_t *)(void *)next = CTRACE_TAG_FREE;
			*tags->changed = CTRACE_TAG_CHANGED;
			return;
		}
	}
	if (ctrace_api_tag_pop)
		ctrace_api_tag_pop();
}

/*
 * Pools: a program that takes large blocks and hands out parts of them can have the parts recorded like malloc's
 * blocks, each at the call stack that asks for it.
 *
 * The address of a part must be a multiple of 8, or the part is dropped. Parts may be as close as 8 bytes to each
 * other, and need no header. As with malloc, the order matters: report a part after it was taken from the pool, and its
 * free before another thread can take it again. Each call costs as much as malloc or free, unless its comment says
 * otherwise.
 *
 * ctrace_pool_create: the block at base, which malloc returned, is the storage of a pool. From now on it counts as a
 * block of 0 bytes, as if realloc had shrunk it: only the parts handed out are live, now and at the peak. The totals
 * keep its bytes. Memory from mmap was never counted and needs no call. NULL does nothing.
 */
CTRACE_INLINE void ctrace_pool_create(void *base)
{
	if (ctrace_api_pool_create)
		ctrace_api_pool_create(base);
}

/* A part of this many bytes, at most 2^40 - 1 (or the part is dropped), was handed out at block. NULL does nothing. */
CTRACE_INLINE void ctrace_pool_alloc(void *block, size_t bytes)
{
	if (ctrace_api_pool_alloc)
		ctrace_api_pool_alloc(block, bytes);
}

/* The part at block was given back. NULL does nothing. */
CTRACE_INLINE void ctrace_pool_free(void *block)
{
	if (ctrace_api_pool_free)
		ctrace_api_pool_free(block);
}

/*
 * All parts that begin in the pool's `bytes` bytes from base on were given back. Call it before the pool is reset or
 * its storage is freed. Reads 4 bytes for each 8 bytes of the pool.
 */
CTRACE_INLINE void ctrace_pool_clear(void *base, size_t bytes)
{
	if (ctrace_api_pool_clear)
		ctrace_api_pool_clear(base, bytes);
}

#ifdef __cplusplus
}
#endif

#ifdef __clang__
#pragma clang diagnostic pop
#endif

#endif
