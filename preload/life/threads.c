/* SPDX-License-Identifier: MIT */
/*
 * The states of threads. No destructor could report a thread's end, because the thread may still free memory after the
 * last destructor. Instead a state is given to a new thread once the kernel no longer knows its owner.
 */
#include "life/threads.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <time.h>

#include "ctrace/fold.h"
#include "ctrace/histogram.h"
#include "ctrace/ring.h"
#include "ctrace/timeline.h"
#include "hot/slow.h"
#include "hot/state.h"
#include "store/histogram.h"
#include "store/store_file.h"
#include "sys/lock.h"
#include "sys/options.h"
#include "sys/region.h"
#include "sys/sys.h"
#include "tree/thread_name.h"

#define FIRST_SCAN 16u
#define FRAMES_MAX (1u << 24) /* more than fit into a stack of 512 MiB */

struct ct_lock ct_lock_thread;

static struct ct_thread *threads;
static uint32_t thread_count;
static uint32_t scan_at = FIRST_SCAN; /* when there are this many states, look for dead owners */

static struct ct_thread *interrupted; /* in a forked child: the thread in whose hook a signal handler forked */
static uint64_t interrupted_head; /* its head at the fork */

static const uintptr_t never;

#define AWAIT_TRIES 5000 /* of 1 ms each */

static uintptr_t main_tls; /* address of ct_tls in the main thread */

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

/* A state without an owner, or one whose owner had this thread's id and is therefore gone. */
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
	uint64_t events = ct_ring_slots(index + 1);
	if ((index >= ct_store_capacity(CT_SECTION_RINGS) && !ct_store_grow(CT_SECTION_RINGS, index + 1)) ||
	    (events > ct_store_capacity(CT_SECTION_EVENTS) && !ct_store_grow(CT_SECTION_EVENTS, events)))
		return false;
	thread->ring_index = (uint32_t)index + 1;
	thread->ring = &ct_tracer.rings[index];
	thread->slot = thread->slots_end = NULL;
	thread->head = 0;
	ct_tracer.header->sections[CT_SECTION_EVENTS].used = events;
	ct_set_release(&rings->used, index + 1);
	return true;
}

static void use_frames(struct ct_thread *thread, void *memory, uint32_t frames)
{
	thread->stack = memory;
	thread->checks = (struct ct_check *)(thread->stack + frames);
	thread->fresh = (struct ct_stack_frame *)(thread->checks + 2 * frames + 2);
	thread->room = frames;
}

bool ct_thread_grow(struct ct_thread *thread, uint32_t frames)
{
	const struct ct_remembered *stack = thread->stack;
	const struct ct_check *checks = thread->checks;
	const struct ct_stack_frame *fresh = thread->fresh;
	uint32_t room = thread->room;
	uint32_t more = room;
	while (more < frames && more < FRAMES_MAX)
		more *= 2;
	void *memory = more < frames ? NULL : ct_region_map(CT_FRAMES_BYTES(more));
	if (!memory)
		return false;
	use_frames(thread, memory, more);
	memcpy(thread->stack, stack, room * sizeof(*stack));
	memcpy(thread->checks, checks, (2 * room + 2) * sizeof(*checks));
	memcpy(thread->fresh, fresh, room * sizeof(*fresh));
	if ((const char *)stack != thread->first_frames)
		ct_sys_munmap((void *)stack, CT_FRAMES_BYTES(room));
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
	if (!thread->ring_index && !attach_ring(thread))
		return NULL;
	thread->tid = tid;
	thread->depth = 0;
	thread->root = thread->own_root = 0;
	thread->own_stack = false;
	if (!thread->room)
		use_frames(thread, thread->first_frames, CT_STACK_FRAMES);
	thread->checks[0] = (struct ct_check){&never, !never};
	/* The C library places a thread's TLS above its stack. */
	thread->anchor = (uintptr_t)&ct_tls;
	if (tid == ct_tracer.header->pid) {
		main_tls = thread->anchor;
		thread->anchor = ct_tracer.stack_top;
	}
	thread->last_block = 0;
	__builtin_memset(thread->bounds, 0, sizeof(thread->bounds));
	ct_set_relaxed(&thread->ring->tid, tid);
	return thread;
}

struct ct_thread *ct_thread_new(void)
{
	/* A child of vfork runs in its parent's memory. It must not leave a state there, since it ends first. */
	if (ct_sys_getpid() != ct_tracer.header->pid || ct_get_relaxed(&ct_gate.phase) != CT_PHASE_ON)
		return NULL;
	ct_lock_get(&ct_lock_thread);
	/* Check again under the lock: the thread that ends the recording must see every thread that gets a state. */
	bool on = ct_get_relaxed(&ct_gate.phase) == CT_PHASE_ON;
	struct ct_thread *thread = on ? get(ct_sys_gettid()) : NULL;
	ct_lock_put(&ct_lock_thread);
	if (thread && ct_options.threads)
		ct_thread_name_init(thread);
	ct_tls.tags.next = NULL;
	ct_tls.thread = thread;
	return thread;
}

/* Is the thread inside a hook? It may be gone, and its memory too, so the word is read by a system call. */
static bool is_within_hook(const struct ct_thread *thread)
{
	uint32_t pid = ct_tracer.header->pid, busy = 0;
	uintptr_t tls = thread->tid == pid ? main_tls : thread->anchor;
	ct_sys_read_memory(pid, tls + offsetof(struct ct_tls, busy), &busy, sizeof(busy));
	return busy && !is_gone(thread->tid);
}

void ct_threads_await_hooks(void)
{
	struct timespec wait = {0, 1000000};
	uint32_t own = ct_sys_gettid(), tries = 0;
	/*
	 * A hook first sets `busy`, then reads the phase. The barrier makes `busy` visible for all hooks that have seen
	 * the phase on.
	 */
	if (ct_syscall3(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0)
		ct_syscall3(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
	ct_lock_get(&ct_lock_thread);
	const struct ct_thread *thread = threads; /* the list only grows at its head */
	ct_lock_put(&ct_lock_thread);
	for (; thread; thread = thread->next)
		while (thread->tid && thread->tid != own && is_within_hook(thread) && tries++ < AWAIT_TRIES)
			ct_syscall3(SYS_nanosleep, &wait, NULL, 0);
}

void ct_threads_note_names(void)
{
	ct_lock_get(&ct_lock_thread);
	for (struct ct_thread *thread = threads; thread; thread = thread->next)
		if (thread->name)
			ct_thread_name_read(thread);
	ct_lock_put(&ct_lock_thread);
}

static void fold(const struct ct_event *event)
{
	struct ct_store_header *header = ct_tracer.header;
	if (event->ticks < header->totals.start_ticks || !event->site ||
	    event->site >= header->sections[CT_SECTION_SITES].used)
		return;
	struct ct_site *site = &ct_tracer.sites[event->site];
	if (!ct_fold_event(site, &header->totals, ct_tracer.counters, event))
		ct_histogram_take(site, event, false);
	ct_timeline_add(header, event->ticks);
}

static size_t rest_bytes(uint32_t rings)
{
	return sizeof(struct ct_rest) + ct_ring_slots(rings) * sizeof(struct ct_event);
}

struct ct_rest *ct_rest_new(void)
{
	uint32_t rings = (uint32_t)ct_tracer.header->sections[CT_SECTION_RINGS].used;
	struct ct_rest *rest = rings > 1 ? ct_region_map_shared(rest_bytes(rings)) : NULL;
	if (rest)
		rest->rings = rings;
	return rest;
}

void ct_rest_free(struct ct_rest *rest)
{
	if (rest)
		ct_region_unmap(rest, rest_bytes(rest->rings));
}

void ct_rest_copy(struct ct_rest *rest, const struct ct_ring *rings)
{
	for (uint32_t i = 0; i < rest->rings && ct_lock_all_kept(); i++) {
		uint64_t head = ct_get_acquire(&ct_tracer.rings[i].head);
		for (uint64_t at = rings[i].folded; at < head; at++)
			rest->events[ct_ring_slot(i, at)] = *ct_event_at(i, at);
	}
	/* Another thread may have taken the locks from the fork, and folded what was copied here. */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (ct_lock_all_kept())
		ct_set_release(&rest->whole, true);
}

/* The rest of one thread, in the child's own memory. */
struct part {
	struct ct_event *next;
	struct ct_event *end;
};

/* Copy the rest out of the rings, or of the parent's copy. Returns the number of parts. */
static uint32_t copy_parts(struct part *parts, struct ct_event *to, const struct ct_ring *rings,
			   const struct ct_event *events)
{
	uint32_t count = 0;
	for (const struct ct_thread *thread = threads; thread; thread = thread->next) {
		if (!thread->ring_index)
			continue;
		uint32_t ring = thread->ring_index - 1;
		parts[count].next = to;
		for (uint64_t at = rings[ring].folded; at < thread->head; at++)
			*to++ = events[ct_ring_slot(ring, at)];
		parts[count++].end = to;
	}
	return count;
}

/*
 * Has the parent folded events since the fork? A slot is written again only by a thread that has seen that, so if an
 * overwritten event was read, this is true.
 */
static bool parent_has_folded(const struct ct_ring *rings)
{
	bool folded = false;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	for (const struct ct_thread *thread = threads; thread; thread = thread->next)
		folded |= thread->ring_index &&
			  ct_get_acquire(&thread->ring->folded) != rings[thread->ring_index - 1].folded;
	return folded;
}

static void fold_in_order(struct part *parts, uint32_t count)
{
	for (;;) {
		struct part *first = NULL;
		for (struct part *part = parts; part < parts + count; part++)
			if (part->next < part->end && (!first || part->next->ticks < first->next->ticks))
				first = part;
		if (!first)
			return;
		fold(first->next++);
	}
}

bool ct_rest_fold(const struct ct_rest *rest, const struct ct_ring *rings)
{
	uint64_t events = 0;
	for (const struct ct_thread *thread = threads; thread; thread = thread->next)
		if (thread->ring_index)
			events += thread->head - rings[thread->ring_index - 1].folded;
	if (!events)
		return true;
	size_t bytes = events * sizeof(struct ct_event) + thread_count * sizeof(struct part);
	struct ct_event *copy = ct_region_map(bytes);
	if (!copy)
		return false;
	struct part *parts = (struct part *)(copy + events);
	uint32_t count = copy_parts(parts, copy, rings, ct_tracer.events);
	bool whole = !parent_has_folded(rings);
	if (!whole && rest && ct_get_acquire(&rest->whole)) {
		copy_parts(parts, copy, rings, rest->events);
		whole = true;
	}
	if (whole)
		fold_in_order(parts, count);
	ct_region_unmap(copy, bytes);
	return whole;
}

void ct_threads_fold_interrupted(void)
{
	for (; interrupted && interrupted_head < interrupted->head; interrupted_head++)
		fold(ct_event_at((uint32_t)(interrupted->ring - ct_tracer.rings), interrupted_head));
	interrupted = NULL;
}

void ct_threads_forked(void)
{
	interrupted = ct_tls.busy & CT_BUSY_HOOK ? ct_tls.thread : NULL;
	interrupted_head = interrupted ? interrupted->head : 0;
	for (struct ct_thread *thread = threads; thread; thread = thread->next) {
		thread->tid = 0;
		thread->ring_index = 0; /* `ring` itself stays: a signal handler that forked returns into a hook */
	}
	ct_tls.thread = NULL;
	ct_tls.tags.next = NULL;
}

uint64_t ct_threads_bytes(void)
{
	/* The pages that a thread with an ordinary stack touches: its single words, some frames and some checks. */
	return thread_count * 5ull * CT_STORE_PAGE;
}
