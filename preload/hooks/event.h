/* SPDX-License-Identifier: MIT */
/* Recording of something that is not the heap's, at a call stack: ctrace_event, and copies. Hot path, any thread. */
#ifndef CT_HOOKS_EVENT_H
#define CT_HOOKS_EVENT_H

#include "hot/record.h"
#include "hot/slow.h"

/*
 * mark: the pseudo frame above its stacks, so that its sites are not those of allocations; *place: the mark's place.
 * 0: no memory, or too many sites.
 */
static inline uint32_t ct_event_site(struct ct_thread *thread, const struct ct_registers *caller, enum ct_pseudo mark,
				     uint32_t *place)
{
	uint32_t site = thread ? ct_unwind(thread, caller) : 0;
	if (!site)
		return 0;
	uint32_t node = ct_tracer.sites[site].node;
	uint32_t slot = ct_hash_slot(ct_hash_below(ct_node_hash(node), *place));
	uint32_t event_site = (uint32_t)(ct_table_get(&ct_tracer.tree, slot, ct_tree_key(node, *place)) >> 32);
	return ct_likely(event_site != 0) ? event_site : ct_tree_event_site(node, mark, place);
}

static inline bool ct_record_event(const struct ct_registers *caller, enum ct_pseudo mark, uint32_t *place,
				   uint64_t weight)
{
	struct ct_thread *thread = ct_thread_current();
	uint32_t event_site = ct_event_site(thread, caller, mark, place);
	if (!event_site)
		return false;
	ct_journal(thread, ct_ticks_onward(thread, ct_ticks()), event_site, CT_EVENT_AD_HOC,
		   weight < CT_BLOCK_BYTES_MAX ? weight : CT_BLOCK_BYTES_MAX, 0);
	return true;
}

#endif
