/* SPDX-License-Identifier: MIT */
/*
 * Where stacks end: at the bounds of the mapping, in /proc/self/maps, that contains the stack pointer. A thread keeps
 * the bounds of its latest few stacks (its own, a signal stack, coroutines). Programs with many coroutines switch
 * between them in turns, and reading maps costs 20 to 40 us. So all bounds that were found stay in a table of the
 * process, by address. A stack may be unmapped after that. Before a change of stacks one system call (0.2 us) asks
 * whether the stack is still mapped.
 */
#include <errno.h>
#include <string.h>

#include "hot/slow.h"
#include "hot/state.h"
#include "sys/machine.h"
#include "sys/maps.h"
#include "sys/sys.h"
#include "unwind/cfi.h"

#define KNOWN 1024u /* a power of two */
#define KNOWN_SHIFT 14 /* each 16 KiB of a stack has an entry of its own */
#define PAGE_SHIFT 12
#define PAGE_BYTES ((uintptr_t)1 << PAGE_SHIFT)
#define PAGES_BITS 28
#define LIBC_FRAMES_MAX ((uintptr_t)64 << 10)
#define OWN_STACK_MAX (128u << 20) /* the kernel keeps at least this much free below the main thread's stack */

/* One word per entry, read and written without a lock: first page << PAGES_BITS | pages. */
static uint64_t known[KNOWN];

static uint64_t *known_at(uintptr_t sp)
{
	uintptr_t block = sp >> KNOWN_SHIFT;
	return &known[(block ^ block >> 10) & (KNOWN - 1)];
}

static struct ct_stack_bounds known_bounds(uintptr_t sp)
{
	uint64_t word = ct_get_relaxed(known_at(sp));
	uintptr_t low = word >> PAGES_BITS << PAGE_SHIFT;
	return (struct ct_stack_bounds){low, low + ((word & ((1u << PAGES_BITS) - 1)) << PAGE_SHIFT)};
}

static void make_known(uintptr_t sp, const struct ct_stack_bounds *bounds)
{
	uint64_t pages = (bounds->high - bounds->low) >> PAGE_SHIFT;
	if (pages >> PAGES_BITS == 0)
		ct_set_relaxed(known_at(sp), (uint64_t)bounds->low >> PAGE_SHIFT << PAGES_BITS | pages);
}

/* 0: all pages are mapped; -ENOMEM: some are not. msync with MS_ASYNC does nothing except look for holes. */
static long look(const struct ct_stack_bounds *bounds)
{
	return ct_syscall3(SYS_msync, ct_machine_untagged(bounds->low), bounds->high - bounds->low, MS_ASYNC);
}

static bool is_mapped(const struct ct_stack_bounds *bounds)
{
	return look(bounds) == 0;
}

static bool contains(const struct ct_stack_bounds *bounds, uintptr_t sp)
{
	return sp >= bounds->low && sp < bounds->high;
}

static void move_to_front(struct ct_thread *thread, struct ct_stack_bounds bounds, uint32_t from)
{
	memmove(&thread->bounds[1], &thread->bounds[0], from * sizeof(bounds));
	thread->bounds[0] = bounds;
}

/*
 * If /proc/self/maps cannot be read (after chroot, as another user, in a sandbox): use the thread's own stack, from its
 * stack pointer to an address known to be above its frames. The sandbox may even forbid the system call that looks for
 * holes. The main thread's stack has none, because the kernel keeps other mappings away from it.
 */
static bool find_own(const struct ct_thread *thread, uintptr_t sp, struct ct_stack_bounds *found)
{
	uintptr_t anchor = thread->anchor;
	if (sp >= anchor || anchor - sp > OWN_STACK_MAX)
		return false;
	*found = (struct ct_stack_bounds){sp & ~(PAGE_BYTES - 1), (anchor | (PAGE_BYTES - 1)) + 1};
	for (uint32_t i = 0; i < CT_BOUNDS_KEPT; i++)
		if (contains(&thread->bounds[i], anchor))
			found->high = thread->bounds[i].high;
	long error = look(found);
	return error == 0 || (error != -ENOMEM && anchor == ct_tracer.stack_top);
}

bool ct_stack_find_bounds(struct ct_thread *thread, uintptr_t sp)
{
	for (uint32_t i = 1; i < CT_BOUNDS_KEPT; i++)
		if (contains(&thread->bounds[i], sp) && is_mapped(&thread->bounds[i])) {
			move_to_front(thread, thread->bounds[i], i);
			return true;
		}
	/* A coroutine's stack may be a tagged block. Then its bounds are tagged too. */
	uintptr_t plain = ct_machine_untagged(sp), tag = sp - plain;
	struct ct_stack_bounds found = known_bounds(plain);
	if (!contains(&found, plain) || !is_mapped(&found)) {
		if (ct_maps_find(plain, &found.low, &found.high))
			make_known(plain, &found);
		else if (!find_own(thread, plain, &found))
			return false;
	}
	found.low += tag;
	found.high += tag;
	/* A stack that has grown replaces its old bounds. */
	uint32_t slot = 0;
	while (slot < CT_BOUNDS_KEPT - 1 && thread->bounds[slot].high != found.high)
		slot++;
	move_to_front(thread, found, slot);
	return true;
}

bool ct_stack_check_bounds(struct ct_thread *thread, uintptr_t sp)
{
	struct ct_stack_bounds old = thread->bounds[0];
	/* The main thread's own stack is never unmapped. */
	if (contains(&old, ct_tracer.stack_top) || is_mapped(&old))
		return true;
	thread->bounds[0] = (struct ct_stack_bounds){0, 0};
	if (!ct_stack_find_bounds(thread, sp))
		thread->bounds[0] = old;
	return false;
}

bool ct_stack_ends_in_libc(const struct ct_thread *thread, uintptr_t sp)
{
	uintptr_t end = sp + LIBC_FRAMES_MAX < thread->anchor ? sp + LIBC_FRAMES_MAX : thread->anchor;
	for (; sp < end; sp += sizeof(uintptr_t)) {
		uintptr_t word = *(const uintptr_t *)sp;
		if (word >= PAGE_BYTES && word >> CT_ADDRESS_BITS == 0 && !contains(&thread->bounds[0], word) &&
		    ct_cfi_is_caller(word))
			return false;
	}
	return true;
}
