/* SPDX-License-Identifier: MIT */
/* The mappings that libctrace-mmap.so reports (CTRACE_MMAP). Any thread. */
#include "hooks/mappings.h"

#include <sys/auxv.h>

#include "hooks/event.h"
#include "mmap.h"
#include "store/mappings.h"
#include "sys/options.h"
#include "sys/page.h"
#include "sys/say.h"

static uint32_t allocators_site; /* 0: there is none */
static bool allocator_is_library; /* not the program itself, which maps memory for other purposes too */

static bool is_recording(void)
{
	uint32_t phase = ct_get_relaxed(&ct_gate.phase);
	return phase == CT_PHASE_ON || phase == CT_PHASE_FORKED;
}

static uint32_t dropped(void)
{
	__atomic_fetch_add(&ct_tracer.header->mappings.dropped, 1, __ATOMIC_RELAXED);
	return 0;
}

static uint32_t site_of(uintptr_t pc, uintptr_t sp, uintptr_t bp, bool stack)
{
	const struct ct_registers caller = {.pc = pc, .sp = sp, .bp = bp};
	if (!is_recording() || ct_is_own())
		return 0;
	if ((ct_tls.busy || allocator_is_library) && ct_is_allocators_own(pc))
		return allocators_site ? allocators_site : dropped();
	if (ct_tls.busy) /* a signal handler's, which has interrupted a hook */
		return dropped();
	if (!ct_enter())
		return 0;
	uint32_t site = 0;
	if (!(ct_get_relaxed(&ct_tracer.special) & (CT_SPECIAL_OFF | CT_SPECIAL_PAUSED | CT_SPECIAL_PAUSED_OUTSIDE))) {
		site = stack ? ct_event_site(ct_thread_current(), &caller, CT_PSEUDO_STACK, &ct_tracer.stack_place)
			     : ct_event_site(ct_thread_current(), &caller, CT_PSEUDO_MAPPING, &ct_tracer.mapping_place);
		if (!site)
			dropped();
	}
	ct_leave();
	return site;
}

/* In a child that was made without the fork handlers, another thread may have had the lock. The phase shows that. */
static void begin(void)
{
	if (is_recording())
		ct_mmap_lock();
}

static void end(void)
{
	if (ct_mmap_is_locked())
		ct_mmap_unlock();
}

static bool may_change(void)
{
	return ct_mmap_is_locked() && is_recording();
}

static void mapped(uint32_t site, uintptr_t start, size_t bytes)
{
	if (may_change())
		ct_mmap_add(site, start, bytes);
}

static void unmapped(uintptr_t start, size_t bytes)
{
	if (may_change())
		ct_mmap_remove(start, bytes);
}

static void doubted(uintptr_t start, size_t bytes)
{
	if (may_change())
		ct_mmap_doubt(start, bytes);
}

static void moved(uint32_t site, uintptr_t from, size_t bytes, uintptr_t to, size_t new_bytes)
{
	if (may_change())
		ct_mmap_move(site, from, bytes, to, new_bytes);
}

static void copied(uint32_t site, uintptr_t from, size_t bytes, uintptr_t to)
{
	if (may_change())
		ct_mmap_copy(site, from, bytes, to);
}

static uint32_t thread_made(uint32_t site, size_t stack_bytes, struct ct_mmap_thread does)
{
	const struct ct_mapping_thread thread = {
		.site = site,
		.stack_pages = (uint32_t)(ct_page_round_up(stack_bytes) / ct_page_bytes),
		.does = does,
	};
	begin();
	uint32_t number = may_change() ? ct_mmap_thread_new(&thread) : 0;
	end();
	return number;
}

static struct ct_mmap_thread thread_began(uint32_t number, uintptr_t stack_end)
{
	ct_mmap_lock();
	struct ct_mmap_thread does = ct_mmap_thread_begin(number, ct_page_round_up(stack_end), is_recording());
	ct_mmap_unlock();
	return does;
}

static void thread_ended(uintptr_t stack_end)
{
	begin();
	if (may_change())
		ct_mmap_thread_end(ct_page_round_up(stack_end));
	end();
}

static const struct ct_mmap_recorder recorder = {
	.site = site_of,
	.begin = begin,
	.end = end,
	.mapped = mapped,
	.unmapped = unmapped,
	.doubted = doubted,
	.moved = moved,
	.copied = copied,
	.thread_made = thread_made,
	.thread_began = thread_began,
	.thread_ended = thread_ended,
};

void ct_mmap_begin(void)
{
	uintptr_t program = getauxval(AT_PHDR);
	if (!ct_options.mmap)
		return;
	if (!ctrace_mmap_begin) {
		ct_say("CTRACE_MMAP=1 needs libctrace-mmap.so in LD_PRELOAD, after libctrace.so; mappings are not "
		       "recorded",
		       NULL, NULL);
		return;
	}
	if (!ct_mmap_init())
		return;
	allocator_is_library =
		program - ct_tracer.allocator.start >= ct_tracer.allocator.end - ct_tracer.allocator.start;
	uint32_t node = (uint32_t)ct_tree_intern_pseudo(0, CT_PSEUDO_ALLOCATOR);
	allocators_site = node ? ct_tree_event_site(node, CT_PSEUDO_MAPPING, &ct_tracer.mapping_place) : 0;
	ctrace_mmap_begin(&recorder);
}
