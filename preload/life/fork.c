/* SPDX-License-Identifier: MIT */
/*
 * fork: the child's recording begins as a copy of its parent's at that moment.
 *
 * Before the fork, all locks are taken, the rings are folded, and the changing parts of the shared file (header, sites,
 * counters, rings) are copied to private memory. The child moves the copies, except for the rings, to the places of the
 * shared ones. Then it folds the rest (threads.h): what other threads recorded between the copying and the fork.
 * Sections that only grow (nodes, modules, strings) need no copy: the child's counts of their elements do not change.
 * The child makes its own file at its first event (ct_start), so a fork before an exec costs no file. vfork and
 * posix_spawn run none of this.
 */
#include "life/fork.h"

#include <string.h>

#include "hot/state.h"
#include "hot/thread.h"
#include "life/control.h"
#include "life/threads.h"
#include "store/combine.h"
#include "store/histogram.h"
#include "store/mappings.h"
#include "store/slice.h"
#include "store/store_file.h"
#include "sys/loader.h"
#include "sys/lock.h"
#include "sys/page.h"
#include "sys/options.h"
#include "sys/region.h"
#include "sys/say.h"
#include "sys/sys.h"

/*
 * The forking thread's. They are thread-local because its locks may be taken away from it, and another thread may then
 * fork.
 */
static __thread uint32_t phase_before;
static __thread char *copy; /* header, then sites, then counters, then rings */
static __thread size_t sites_bytes;
static __thread size_t counters_bytes;
static __thread size_t rings_bytes;
static __thread struct ct_rest *rest;

/* The copy takes the places of what it was made of, so each part begins at a page. */
static size_t header_bytes(void)
{
	return ct_page_round_up(CT_STORE_HEADER_BYTES);
}

static char *copied_sites(void)
{
	return copy + header_bytes();
}

static char *copied_counters(void)
{
	return copied_sites() + sites_bytes;
}

static char *copied_rings(void)
{
	return copied_counters() + counters_bytes;
}

static size_t copied_bytes(void)
{
	return header_bytes() + sites_bytes + counters_bytes + rings_bytes;
}

static void copy_what_changes(void)
{
	const struct ct_section *sections = ct_tracer.header->sections;
	sites_bytes = ct_store_mapped(CT_SECTION_SITES);
	counters_bytes = ct_store_mapped(CT_SECTION_COUNTERS);
	rings_bytes = ct_store_mapped(CT_SECTION_RINGS);
	copy = ct_region_map(copied_bytes());
	if (!copy)
		return;
	memcpy(copy, ct_tracer.header, CT_STORE_HEADER_BYTES);
	memcpy(copied_rings(), ct_tracer.rings, sections[CT_SECTION_RINGS].used * sizeof(struct ct_ring));
	memcpy(copied_counters(), ct_tracer.counters, sections[CT_SECTION_COUNTERS].used * sizeof(uint64_t));
	memcpy(copied_sites(), ct_tracer.sites, sections[CT_SECTION_SITES].used * sizeof(struct ct_site));
	if (ct_options.children)
		rest = ct_rest_new();
}

static void before_fork(void)
{
	ct_own_begin();
	ct_lock_get(&ct_lock_thread);
	ct_lock_get(&ct_lock_combine);
	phase_before = ct_get_acquire(&ct_gate.phase);
	copy = NULL;
	rest = NULL;
	if (phase_before == CT_PHASE_ON) {
		ct_combine_locked(); /* may grow the store, under ct_lock_store */
		ct_histogram_make_room();
	}
	ct_lock_get(&ct_lock_claim);
	ct_lock_get(&ct_lock_mappings);
	ct_lock_get(&ct_lock_tree);
	ct_lock_get(&ct_lock_store);
	ct_lock_get(&ct_lock_objects);
	if (phase_before == CT_PHASE_ON)
		copy_what_changes();
	ct_lock_keep_for_fork();
}

static void after_fork_in_parent(void)
{
	if (rest)
		ct_rest_copy(rest, (const struct ct_ring *)copied_rings());
	ct_rest_free(rest);
	if (copy)
		ct_region_unmap(copy, copied_bytes());
	ct_lock_put_after_fork(false);
	ct_own_end();
}

/* Returns NULL, or why it failed. */
static const char *leave_parents_store(void)
{
	if (!ct_lock_all_kept())
		return "another thread could not wait for the fork";
	if (!copy || !ct_store_replace(ct_tracer.header, copy, header_bytes()) ||
	    !ct_store_replace(ct_tracer.sites, copied_sites(), sites_bytes) ||
	    !ct_store_replace(ct_tracer.counters, copied_counters(), counters_bytes))
		return "no memory";
	if (!ct_rest_fold(rest, (const struct ct_ring *)copied_rings()))
		return "what other threads did at the fork is lost";
	ct_region_unmap(copied_rings(), rings_bytes);
	ct_slice_forked();
	ct_mmap_forked((uintptr_t)__builtin_frame_address(0));
	return ct_store_drop_rings() ? NULL : "no memory";
}

static void after_fork_in_child(void)
{
	uint32_t phase = phase_before;
	if (phase == CT_PHASE_ON) {
		const char *why_not = ct_options.children ? leave_parents_store() : NULL;
		phase = CT_PHASE_FORKED;
		if (why_not || !ct_options.children) {
			ct_store_leave();
			phase = CT_PHASE_OFF;
		}
		if (why_not)
			ct_say("this forked process is not recorded: ", why_not, NULL);
		ct_rest_free(rest);
		ct_threads_forked();
	} else if (phase == CT_PHASE_STARTING) { /* of another thread, which the child does not have */
		ct_store_leave();
		phase = CT_PHASE_OFF;
	}
	ct_own_end();
	/* The kernel has wiped the gate: set the phase again. */
	ct_set_release(&ct_gate.phase, phase);
	ct_control_forked();
	ct_lock_put_after_fork(true);
}

void ct_fork_init(void)
{
	ct_syscall3(SYS_madvise, &ct_gate, sizeof(ct_gate), MADV_WIPEONFORK);
	ct_loader_at_fork(before_fork, after_fork_in_parent, after_fork_in_child);
}
