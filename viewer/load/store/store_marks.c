/* SPDX-License-Identifier: MIT */
/* Reads what a program recorded through ctrace/ctrace.h, marks and ad-hoc events, and its copies. */
#include <stdlib.h>

#include "load/load.h"
#include "load/store/store_steps.h"

int ct_store_check_marks(const struct ct_store_file *store, struct ct_error_text *error)
{
	for (size_t i = 0; i < store->mark_count; i++)
		if (!ct_store_span_fits(store, store->marks[i].name) || store->marks[i].name.bytes > CT_MARK_NAME_MAX ||
		    (i && store->marks[i].ticks < store->marks[i - 1].ticks))
			return ct_store_damaged(error, "bad mark");
	return CT_OK;
}

int ct_store_marks(const struct ct_store_file *store, struct ct_profile *profile)
{
	size_t room = 0;
	/* A live store is read repeatedly, so drop the marks of the last reading. */
	while (profile->mark_count)
		free(profile->marks[--profile->mark_count].name);
	for (size_t i = 0; i < store->mark_count; i++) {
		const struct ct_mark_row *row = &store->marks[i];
		const struct ct_segment *segment = &store->segment;
		if (row->ticks < segment->start_ticks || (segment->end_ticks && row->ticks > segment->end_ticks))
			continue;
		uint64_t time = ct_store_file_us(store, row->ticks - store->start_ticks);
		struct ct_profile_mark mark = {
			.time = time < profile->end_time ? time : profile->end_time,
			.total_bytes = row->total_bytes,
			.total_blocks = row->total_blocks,
			.live_bytes = row->live_bytes,
			.live_blocks = row->live_blocks,
			.name = store->strings + row->name.offset,
		};
		if (ct_profile_mark(profile, &room, &mark, row->name.bytes))
			return -1;
	}
	return 0;
}

static int name_mappings(const struct ct_store_file *store, struct ct_profile *profile)
{
	const struct ct_totals *totals = &store->header->mappings.totals;
	uint64_t peak = totals->peak_ticks < store->start_ticks ? 0 : totals->peak_ticks - store->start_ticks;
	profile->has_temporaries = profile->has_slack = profile->has_histograms = false;
	profile->has_details = true;
	profile->sample_bytes = 0;
	profile->timeline_count = 0;
	profile->totals.max_bytes = totals->peak_bytes;
	profile->totals.max_blocks = totals->peak_blocks;
	profile->peak_time = ct_store_file_us(store, peak);
	if (profile->peak_time > profile->end_time)
		profile->peak_time = profile->end_time;
	profile->losses.dropped = store->header->mappings.dropped;
	return ct_profile_set_text(&profile->verb, "Mapped", 6) ||
	       ct_profile_set_text(&profile->blocks_unit, "mappings", 8);
}

int ct_store_name_events(const struct ct_store_file *store, enum ct_profile_mode mode, struct ct_profile *profile)
{
	profile->mode = mode;
	if (mode == CT_MODE_MAPPINGS)
		return name_mappings(store, profile);
	profile->has_lifetimes = profile->has_temporaries = profile->has_details = profile->has_slack = false;
	profile->timeline_count = 0;
	if (mode == CT_MODE_AD_HOC)
		return ct_profile_set_text(&profile->verb, "Occurred", 8) ||
		       ct_profile_set_text(&profile->byte_unit, "unit", 4) ||
		       ct_profile_set_text(&profile->bytes_unit, "units", 5) ||
		       ct_profile_set_text(&profile->blocks_unit, "events", 6);
	profile->losses.dropped = store->header->copies_dropped;
	return ct_profile_set_text(&profile->verb, "Copied", 6) ||
	       ct_profile_set_text(&profile->blocks_unit, "copies", 6);
}

enum ct_profile_mode ct_node_mode(const struct ct_node *node)
{
	if (node->module != CT_MODULE_PSEUDO)
		return CT_MODE_HEAP;
	switch (node->address & CT_PSEUDO_MASK) {
	case CT_PSEUDO_EVENT:
		return CT_MODE_AD_HOC;
	case CT_PSEUDO_COPY:
		return CT_MODE_COPY;
	case CT_PSEUDO_MAPPING:
	case CT_PSEUDO_STACK:
		return CT_MODE_MAPPINGS;
	default:
		return CT_MODE_HEAP;
	}
}

enum ct_profile_mode ct_store_site_mode(const struct ct_store_file *store, const struct ct_site *site)
{
	return ct_node_mode(&store->nodes[site->node]);
}

bool ct_store_is_event(const struct ct_store_file *store, const struct ct_site *site)
{
	return ct_store_site_mode(store, site) != CT_MODE_HEAP;
}

bool ct_store_has_events(const struct ct_store_file *store, enum ct_profile_mode mode)
{
	for (size_t i = 1; i < store->site_count; i++)
		if (store->sites[i].total_blocks && ct_store_site_mode(store, &store->sites[i]) == mode)
			return true;
	return false;
}
