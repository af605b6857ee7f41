/* SPDX-License-Identifier: MIT */
/*
 * Where stacks end: the mapping of /proc/self/maps that holds a stack pointer. A thread keeps the latest
 * few (its own stack, a signal stack, coroutines). Programs with many coroutines run through them in turns,
 * and reading maps costs 20 to 40 us: so all that were found stay in a table of the process, by address. A stack may
 * be unmapped while it is known: before a change of stacks one system call (0.2 us) asks if it still is there.
 */
#include <errno.h>
#include <string.h>

#include "hot/slow.h"
#include "hot/state.h"
#include "sys/maps.h"
#include "sys/sys.h"

#define KNOWN 1024u /* a power of two */
#define KNOWN_SHIFT 14 /* each 16 KiB of a stack have an entry */
#define PAGE_SHIFT 12
#define PAGE_BYTES ((uintptr_t)1 << PAGE_SHIFT)
#define PAGES_BITS 28
#define OWN_STACK_MAX (128u << 20) /* the least that the kernel keeps free below the main thread's stack */

/* One word each, read and written without a lock: first page << PAGES_BITS | pages. */
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

/* 0 = they are all mapped, -ENOMEM = not all. MS_ASYNC does nothing but look if there is a hole. */
static long look(const struct ct_stack_bounds *bounds)
{
	return ct_syscall3(SYS_msync, bounds->low, bounds->high - bounds->low, MS_ASYNC);
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
 * Without maps (behind chroot, as another user, in a sandbox): the thread's own stack, from its stack pointer to what
 * is known to be above its frames. Where the sandbox does not even let us look for a hole, the main thread's stack has
 * none: the kernel keeps other mappings away from it.
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
	struct ct_stack_bounds found = known_bounds(sp);
	if (!contains(&found, sp) || !is_mapped(&found)) {
		if (ct_maps_find(sp, &found.low, &found.high))
			make_known(sp, &found);
		else if (!find_own(thread, sp, &found))
			return false;
	}
	/* A stack that has grown replaces what was known of it. */
	uint32_t slot = 0;
	while (slot < CT_BOUNDS_KEPT - 1 && thread->bounds[slot].high != found.high)
		slot++;
	move_to_front(thread, found, slot);
	return true;
}

bool ct_stack_check_bounds(struct ct_thread *thread, uintptr_t sp)
{
	struct ct_stack_bounds old = thread->bounds[0];
	/* The main thread's own stack stays. */
	if (contains(&old, ct_tracer.stack_top) || is_mapped(&old))
		return true;
	thread->bounds[0] = (struct ct_stack_bounds){0, 0};
	if (!ct_stack_find_bounds(thread, sp))
		thread->bounds[0] = old;
	return false;
}
