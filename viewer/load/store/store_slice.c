/* SPDX-License-Identifier: MIT */
#include "load/store/store_slice.h"

#include <stdlib.h>

#include "load/store/store_steps.h"
#include "util/array.h"

int ct_store_slice_begin(struct ct_store_slice *slice, const struct ct_store_file *store, struct ct_error_text *error)
{
	*slice = (struct ct_store_slice){.entry_of = calloc(store->site_count + 1, sizeof(*slice->entry_of)),
					 .counter_count = 1};
	ct_slice_begin(&slice->sums, store->header->totals.start_ticks);
	return slice->entry_of && ct_array_room(&slice->counters, &slice->counter_room, 1, sizeof(*slice->counters))
		       ? CT_OK
		       : ct_error_no_memory(error);
}

/* NULL: out of memory. */
static struct ct_site *entry_of(struct ct_store_slice *slice, uint32_t site)
{
	uint32_t *index = &slice->entry_of[site];
	if (*index)
		return &slice->entries[*index - 1];
	if (!ct_array_room(&slice->entries, &slice->room, slice->count + 1, sizeof(*slice->entries)))
		return NULL;
	ct_slice_begin_entry(&slice->entries[slice->count], site);
	*index = (uint32_t)++slice->count;
	return &slice->entries[*index - 1];
}

static bool widen(struct ct_store_slice *slice, struct ct_site *entry, const struct ct_event *event)
{
	struct ct_histogram wider = ct_histogram_wider(entry, event);
	size_t needed = ct_histogram_place(&wider, slice->counter_count);
	if (!ct_array_room(&slice->counters, &slice->counter_room, slice->counter_count + needed,
			   sizeof(*slice->counters)))
		return false;
	slice->counter_count += needed;
	ct_histogram_widen(entry, slice->counters, wider, event);
	return true;
}

/* The program has taken its snapshot before it added the first entries. */
static int begin_events(struct ct_store_slice *slice, struct ct_store_file *store, uint64_t ticks)
{
	slice->first_ticks = ticks;
	if (ct_round_folded(&store->header->progress) || ticks < store->next_snapshot)
		return 0;
	return ct_store_snapshot_at(store, ticks);
}

int ct_store_slice_fold(struct ct_store_slice *slice, struct ct_store_file *store, const struct ct_event *event,
			struct ct_error_text *error)
{
	struct ct_site *entry = entry_of(slice, event->site);
	if (!entry || (!slice->events++ && begin_events(slice, store, event->ticks)))
		return ct_error_no_memory(error);
	if (!ct_store_is_sane(entry->live_bytes, entry->live_blocks) ||
	    !ct_store_is_sane(slice->sums.totals.live_bytes, slice->sums.totals.live_blocks))
		return ct_store_damaged(error, "impossible size");
	if (!ct_slice_fold_event(&slice->sums, entry, slice->counters, event) && !widen(slice, entry, event))
		return ct_error_no_memory(error);
	return CT_OK;
}

int ct_store_slice_add(const struct ct_store_slice *slice, struct ct_store_file *store, struct ct_error_text *error)
{
	struct ct_totals *totals = &store->header->totals;
	uint32_t added = ct_round_folded(&store->header->progress);
	if (added > slice->count)
		return ct_store_damaged(error, "more entries of a slice than sites in it");
	if (added == slice->count)
		return CT_OK; /* the batch of the last entry has added the totals too */
	if (!ct_store_is_sane(totals->live_bytes, totals->live_blocks))
		return ct_store_damaged(error, "impossible size");
	bool peak = ct_slice_has_peak(&slice->sums, totals);
	for (size_t i = added; i < slice->count; i++) {
		const struct ct_site *entry = &slice->entries[i];
		struct ct_site *site = &store->sites[entry->batch];
		if (!ct_store_is_sane(site->live_bytes, site->live_blocks))
			return ct_store_damaged(error, "impossible size");
		int code = ct_store_histograms_add(store, entry, slice->counters, error);
		if (code)
			return code;
		ct_slice_add_entry(site, entry, &slice->sums, totals, peak);
	}
	uint64_t end;
	struct ct_timeline_bucket *bucket = ct_timeline_open(store->header, slice->first_ticks, &end);
	ct_slice_add_totals(totals, bucket, &slice->sums);
	ct_timeline_close(bucket, totals);
	return CT_OK;
}

void ct_store_slice_end(struct ct_store_slice *slice)
{
	free(slice->entries);
	free(slice->entry_of);
	free(slice->counters);
}
