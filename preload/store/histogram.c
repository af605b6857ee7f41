/* SPDX-License-Identifier: MIT */
#include "store/histogram.h"

#include "ctrace/histogram.h"
#include "hot/state.h"
#include "store/store_file.h"

#define ROOM_FOR_FORK 1024u /* counters */

static bool has_room(uint64_t counters, bool may_grow)
{
	return may_grow ? ct_store_try_grow(CT_SECTION_COUNTERS, counters)
			: counters <= ct_store_capacity(CT_SECTION_COUNTERS);
}

void ct_histogram_take(struct ct_site *site, const struct ct_event *event, bool may_grow)
{
	struct ct_section *section = &ct_tracer.header->sections[CT_SECTION_COUNTERS];
	struct ct_histogram wider = ct_histogram_wider(site, event);
	unsigned needed = ct_histogram_counters(&wider);
	uint64_t base = needed ? section->used : 0;
	if (!section->used)
		return;
	if (!has_room(base + needed, may_grow)) {
		ct_set_release(&section->used, 0);
		return;
	}
	if (needed)
		ct_set_release(&section->used, base + needed);
	ct_histogram_widen(site, ct_tracer.counters, wider, base, event);
}

void ct_histogram_make_room(void)
{
	uint64_t used = ct_tracer.header->sections[CT_SECTION_COUNTERS].used;
	if (used)
		ct_store_try_grow(CT_SECTION_COUNTERS, used + ROOM_FOR_FORK);
}
