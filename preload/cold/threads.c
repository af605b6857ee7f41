/* SPDX-License-Identifier: MIT */
/*
 * Threads' states. No destructor tells us of a thread's end (it may free memory after the last of them
 * has run): a state is given to a new thread once the kernel knows its owner no more.
 */
#include "cold/threads.h"

#include <errno.h>

#include "cold/cold.h"
#include "cold/lock.h"
#include "cold/region.h"
#include "cold/store.h"
#include "cold/sys.h"
#include "hot/state.h"

#define FIRST_SCAN 16u

struct ct_lock ct_lock_thread;

static struct ct_thread *threads;
static uint32_t thread_count;
static uint32_t scan_at = FIRST_SCAN; /* states made when the next look for dead owners is due */

static const uintptr_t never;

static bool is_gone(uint32_t tid)
{
	return ct_syscall3(SYS_tgkill, ct_tracer.header->pid, tid, 0) == -ESRCH;
}

static void release_dead_owners(void)
{
	uint32_t alive = 0;
	for (struct ct_thread *thread = threads; thread; thread = thread->next) {
		if (thread->tid && is_gone(thread->tid))
			thread->tid = 0;
		alive += thread->tid != 0;
	}
	scan_at = 2 * alive > FIRST_SCAN ? 2 * alive : FIRST_SCAN;
}

/* A state without owner, or one whose owner had this thread's id and so is gone. */
static struct ct_thread *find_free(uint32_t tid)
{
	struct ct_thread *found = NULL;
	for (struct ct_thread *thread = threads; thread; thread = thread->next) {
		if (thread->tid == tid)
			return thread;
		if (!thread->tid)
			found = thread;
	}
	return found;
}

static bool attach_ring(struct ct_thread *thread)
{
	struct ct_section *rings = &ct_tracer.header->sections[CT_SECTION_RINGS];
	uint64_t index = rings->used;
	uint64_t events = (index + 1) * CT_RING_EVENTS;
	if ((index >= ct_store_capacity(CT_SECTION_RINGS) && !ct_store_grow(CT_SECTION_RINGS, index + 1)) ||
	    (events > ct_store_capacity(CT_SECTION_EVENTS) && !ct_store_grow(CT_SECTION_EVENTS, events)))
		return false;
	thread->ring = &ct_tracer.rings[index];
	thread->slot = thread->slots_end = NULL;
	ct_tracer.header->sections[CT_SECTION_EVENTS].used = events;
	ct_store_release(&rings->used, index + 1);
	return true;
}

static struct ct_thread *get(uint32_t tid)
{
	struct ct_thread *thread = find_free(tid);
	if (!thread && thread_count >= scan_at) {
		release_dead_owners();
		thread = find_free(tid);
	}
	if (!thread) {
		thread = ct_region_map(sizeof(*thread));
		if (!thread)
			return NULL;
		thread->next = threads;
		threads = thread;
		thread_count++;
	}
	if (!thread->ring && !attach_ring(thread))
		return NULL;
	thread->tid = tid;
	thread->depth = 0;
	thread->own_stack = thread->sampling = false;
	thread->checks[0] = (struct ct_check){&never, !never};
	/* The C library puts a thread's TLS above its stack. */
	thread->anchor = tid == ct_tracer.header->pid ? ct_tracer.stack_top : (uintptr_t)&ct_tls;
	thread->last_block = 0;
	__builtin_memset(thread->bounds, 0, sizeof(thread->bounds));
	ct_store_relaxed(&thread->ring->tid, tid);
	return thread;
}

struct ct_thread *ct_thread_new(void)
{
	ct_lock_get(&ct_lock_thread);
	struct ct_thread *thread = get(ct_sys_gettid());
	ct_lock_put(&ct_lock_thread);
	ct_tls.thread = thread;
	return thread;
}

void ct_threads_forked(void)
{
	for (struct ct_thread *thread = threads; thread; thread = thread->next) {
		thread->tid = 0;
		thread->ring = NULL;
	}
	ct_tls.thread = NULL;
}

uint64_t ct_threads_bytes(void)
{
	/* The pages that a thread with an ordinary stack touches: its words, some frames and checks. */
	return thread_count * 5ull * CT_STORE_PAGE;
}
