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

/* Take counters for a wider histogram. False: there are no histograms, or none from now on. */
static bool take(struct ct_histogram *wider, bool may_grow)
{
	struct ct_section *section = &ct_tracer.header->sections[CT_SECTION_COUNTERS];
	unsigned needed = ct_histogram_place(wider, section->used);
	if (!section->used)
		return false;
	if (!has_room(section->used + needed, may_grow)) {
		ct_set_release(&section->used, 0);
		return false;
	}
	if (needed)
		ct_set_release(&section->used, section->used + needed);
	return true;
}

void ct_histogram_take(struct ct_site *site, const struct ct_event *event, bool may_grow)
{
	struct ct_histogram wider = ct_histogram_wider(site, event);
	if (take(&wider, may_grow))
		ct_histogram_widen(site, ct_tracer.counters, wider, event);
}

bool ct_histogram_take_range(struct ct_site *site, struct ct_histogram wider)
{
	if (!take(&wider, true))
		return false;
	ct_histogram_move(site, ct_tracer.counters, wider, ct_site_freed_blocks(site), site->total_blocks);
	return true;
}

void ct_histogram_make_room(void)
{
	uint64_t used = ct_tracer.header->sections[CT_SECTION_COUNTERS].used;
	if (used)
		ct_store_try_grow(CT_SECTION_COUNTERS, used + ROOM_FOR_FORK);
}
