/* SPDX-License-Identifier: MIT */
/*
 * The histograms of a store. A batch that was cut short is undone in the sites, but not in their counters. The counters
 * of a site then have more blocks than the site. These came from the batch's first events of that site, which are
 * folded again, but not into the counters.
 */
#include <stdlib.h>

#include "ctrace/slice.h"
#include "load/store/store_steps.h"
#include "util/array.h"

/* The blocks that the undone batch had added to a site's counters. */
struct ct_store_added {
	uint32_t site;
	uint64_t sizes, lifetimes;
};

static bool fits(const struct ct_store_file *store, const struct ct_histogram *histogram)
{
	return (unsigned)histogram->sizes_low + histogram->sizes <= CT_BUCKETS &&
	       (unsigned)histogram->lifetimes_low + histogram->lifetimes <= CT_BUCKETS &&
	       (histogram->base ? histogram->base <= store->counter_count &&
					  ct_histogram_counters(histogram) <= store->counter_count - histogram->base
				: !ct_histogram_counters(histogram));
}

static void drop_histograms(struct ct_store_file *store)
{
	for (size_t i = 1; i < store->site_count; i++)
		store->sites[i].histogram = (struct ct_histogram){0};
	store->counter_count = store->added_count = 0;
}

static uint64_t sum(const uint64_t *counters, unsigned count)
{
	uint64_t blocks = 0;
	for (unsigned i = 0; i < count; i++)
		blocks += counters[i];
	return blocks;
}

/* By how many blocks the counters of a site exceed the site. A range that is not counted never does. */
static struct ct_store_added surplus(const struct ct_store_file *store, uint32_t id)
{
	const struct ct_site *site = &store->sites[id];
	const struct ct_histogram *histogram = &site->histogram;
	const uint64_t *counters = &store->counters[histogram->base];
	struct ct_store_added added = {.site = id};
	if (histogram->base && histogram->lifetimes)
		added.lifetimes = sum(counters, histogram->lifetimes) - ct_site_freed_blocks(site);
	if (histogram->base && histogram->sizes > 1)
		added.sizes = sum(counters + histogram->lifetimes, histogram->sizes) - site->total_blocks;
	return added;
}

bool ct_store_histograms_check(struct ct_store_file *store)
{
	bool fit = store->counter_count > 0;
	for (size_t i = 1; i < store->site_count && fit; i++)
		fit = fits(store, &store->sites[i].histogram);
	if (fit)
		return true;
	store->failed |= (unsigned)(store->counter_count > 0) << CT_STORE_CHECK_HISTOGRAMS;
	drop_histograms(store);
	return false;
}

int ct_store_histograms_begin(struct ct_store_file *store, struct ct_error_text *error)
{
	const struct ct_progress *progress = &store->header->progress;
	if (!ct_store_histograms_check(store))
		return CT_OK;
	if (progress->undo_mark != progress->progress + 1)
		return CT_OK;
	store->added = calloc(progress->undo_count + 1, sizeof(*store->added));
	if (!store->added)
		return ct_error_no_memory(error);
	for (uint32_t i = 0; i < progress->undo_count; i++) {
		struct ct_store_added added = surplus(store, progress->undo_ids[i]);
		if (added.sizes || added.lifetimes)
			store->added[store->added_count++] = added;
	}
	return CT_OK;
}

/* Has the undone batch added the event to the counters? */
static bool is_added(struct ct_store_file *store, const struct ct_event *event)
{
	bool freed = ct_event_kind(event) == CT_EVENT_FREE;
	if (freed && ct_fold_is_stale(&store->header->totals, event))
		return false;
	for (size_t i = 0; i < store->added_count; i++) {
		struct ct_store_added *added = &store->added[i];
		uint64_t *left = freed ? &added->lifetimes : &added->sizes, blocks = ct_event_blocks(event);
		if (added->site != event->site || !*left)
			continue;
		*left -= blocks < *left ? blocks : *left;
		if (!added->sizes && !added->lifetimes)
			*added = store->added[--store->added_count];
		return true;
	}
	return false;
}

/* Take counters for a wider histogram. False: out of memory. */
static bool take(struct ct_store_file *store, struct ct_histogram *wider)
{
	size_t needed = ct_histogram_place(wider, store->counter_count);
	if (!ct_array_room(&store->counters, &store->counter_room, store->counter_count + needed,
			   sizeof(*store->counters)))
		return false;
	store->counter_count += needed;
	return true;
}

static int widen(struct ct_store_file *store, const struct ct_event *event, struct ct_error_text *error)
{
	struct ct_site *site = &store->sites[event->site];
	struct ct_histogram wider = ct_histogram_wider(site, event);
	if (!take(store, &wider))
		return ct_error_no_memory(error);
	ct_histogram_widen(site, store->counters, wider, event);
	return CT_OK;
}

int ct_store_histograms_fold(struct ct_store_file *store, const struct ct_event *event, struct ct_error_text *error)
{
	struct ct_site *site = &store->sites[event->site];
	struct ct_histogram histogram = site->histogram;
	bool added = is_added(store, event);
	if (added)
		site->histogram = (struct ct_histogram){0};
	bool known = ct_fold_event(site, &store->header->totals, store->counters, event);
	if (added)
		site->histogram = histogram;
	return known || added || !store->counter_count ? CT_OK : widen(store, event, error);
}

/* Take what the undone batch had added to the counters of a site. */
static struct ct_store_added take_added(struct ct_store_file *store, uint32_t site)
{
	for (size_t i = 0; i < store->added_count; i++) {
		struct ct_store_added added = store->added[i];
		if (added.site != site)
			continue;
		store->added[i] = store->added[--store->added_count];
		return added;
	}
	return (struct ct_store_added){0};
}

int ct_store_histograms_add(struct ct_store_file *store, const struct ct_site *entry, const uint64_t *entry_counters,
			    struct ct_error_text *error)
{
	struct ct_site *site = &store->sites[entry->batch];
	struct ct_histogram wider = ct_slice_wider(site, entry);
	struct ct_store_added added = take_added(store, entry->batch);
	if (!store->counter_count)
		return CT_OK;
	if (wider.sizes != site->histogram.sizes || wider.lifetimes != site->histogram.lifetimes) {
		if (!take(store, &wider))
			return ct_error_no_memory(error);
		ct_histogram_move(site, store->counters, wider, ct_site_freed_blocks(site), site->total_blocks);
	}
	ct_slice_add_histogram(site, store->counters, entry, entry_counters, added.lifetimes, added.sizes);
	return CT_OK;
}

static bool is_whole(const struct ct_store_file *store, uint32_t id)
{
	const struct ct_site *site = &store->sites[id];
	struct ct_store_added more = surplus(store, id);
	if (ct_store_site_mode(store, site) == CT_MODE_MAPPINGS) /* they have none */
		return true;
	bool freed = ct_site_freed_blocks(site) && !ct_store_is_event(store, site);
	return !more.sizes && !more.lifetimes && !site->total_blocks == !site->histogram.sizes &&
	       freed == (site->histogram.lifetimes > 0);
}

bool ct_store_histograms_fit(struct ct_store_file *store)
{
	bool whole = true;
	for (size_t i = 1; i < store->site_count && whole && store->counter_count; i++)
		whole = is_whole(store, (uint32_t)i);
	if (!whole)
		drop_histograms(store);
	return whole;
}
