/* SPDX-License-Identifier: MIT */
/*
 * Segments (struct ct_segment): the store's counters are those of the latest one. Those of earlier ones are in a
 * section of their own, and take the place of the others if a reader wants one of them.
 */
#include <stdlib.h>
#include <string.h>

#include "load/store/store_steps.h"

static const struct ct_segment_head *head_at(const struct ct_store_file *store, size_t at)
{
	return (const struct ct_segment_head *)&store->segments[at];
}

static int check_rows(const struct ct_store_file *store, size_t at, struct ct_error_text *error)
{
	const struct ct_segment_head *head = head_at(store, at);
	uint32_t latest = 0;
	if (head->rows > store->segment_rows - at - 1)
		return ct_store_damaged(error, "segment without its rows");
	for (uint32_t i = 1; i <= head->rows; i++) {
		uint32_t id = store->segments[at + i].batch;
		if (id <= latest || id >= store->site_count)
			return ct_store_damaged(error, "segment of an unknown site");
		latest = id;
	}
	return CT_OK;
}

int ct_store_check_segments(const struct ct_store_file *store, struct ct_error_text *error)
{
	const struct ct_segment *latest = ct_segment_latest(store->header);
	uint32_t number = 0;
	for (size_t at = 0; at < store->segment_rows; at += head_at(store, at)->rows + 1) {
		const struct ct_segment *segment = &head_at(store, at)->segment;
		int code = check_rows(store, at, error);
		if (code)
			return code;
		if (segment->number <= number || segment->number >= latest->number ||
		    segment->end_ticks < segment->start_ticks || !ct_store_span_fits(store, segment->name))
			return ct_store_damaged(error, "bad segment");
		number = segment->number;
	}
	if (!latest->number || !ct_store_span_fits(store, latest->name) ||
	    (latest->end_ticks && latest->end_ticks < latest->start_ticks))
		return ct_store_damaged(error, "bad segment");
	return CT_OK;
}

static void clear_sites(struct ct_store_file *store)
{
	for (size_t i = 1; i < store->site_count; i++) {
		memset(&store->sites[i], 0, offsetof(struct ct_site, node));
		store->sites[i].histogram = (struct ct_histogram){0};
	}
}

static void clear_timeline(struct ct_store_file *store)
{
	struct ct_store_header *header = store->header;
	for (int i = 0; i < 2; i++) {
		header->timeline[i].used = 0;
		memset(&header->timeline[i].bucket[0], 0, sizeof(header->timeline[i].bucket[0]));
	}
	store->snapshot_rows = 0;
}

void ct_store_clear_counters(struct ct_store_file *store)
{
	struct ct_store_header *header = store->header;
	const struct ct_segment *latest = ct_segment_latest(header);
	if (header->cleared == latest->number)
		return;
	clear_sites(store);
	clear_timeline(store);
	header->totals = (struct ct_totals){.start_ticks = latest->start_ticks};
	header->mappings.totals = (struct ct_totals){0};
	header->sample_bytes = latest->sample_bytes;
	header->cleared = latest->number;
}

static uint64_t latest_event(const struct ct_store_file *store)
{
	uint64_t latest = store->header->totals.peak_ticks;
	for (size_t i = 1; i < store->site_count; i++)
		if (store->sites[i].total_blocks && store->sites[i].latest_ticks > latest)
			latest = store->sites[i].latest_ticks;
	return latest;
}

/* The segment's times become those of the store. A hook that was at work at its end may have recorded a little later.
 */
static void use_times(struct ct_store_file *store, const struct ct_segment *segment)
{
	store->segment = *segment;
	store->start_ticks = segment->start_ticks;
	if (segment->end_ticks) {
		uint64_t latest = latest_event(store);
		store->end_ticks = latest > segment->end_ticks ? latest : segment->end_ticks;
	}
	if (store->end_ticks < store->start_ticks)
		store->end_ticks = store->start_ticks;
}

void ct_store_use_latest(struct ct_store_file *store)
{
	use_times(store, ct_segment_latest(store->header));
}

static void use_rows(struct ct_store_file *store, size_t at)
{
	const struct ct_segment_head *head = head_at(store, at);
	clear_sites(store);
	clear_timeline(store);
	store->header->totals = head->totals;
	store->header->mappings = (struct ct_mapping_counters){0}; /* only those of the latest segment are known */
	store->header->sample_bytes = head->segment.sample_bytes;
	store->reach_rows = 0;
	store->header->flags &= ~CT_STORE_REACH;
	for (uint32_t i = 1; i <= head->rows; i++) {
		const struct ct_site *row = &store->segments[at + i];
		struct ct_site *site = &store->sites[row->batch];
		if (ct_store_site_mode(store, site) == CT_MODE_MAPPINGS)
			continue;
		memcpy(site, row, offsetof(struct ct_site, node));
		site->histogram = row->histogram;
	}
	ct_store_histograms_check(store);
	use_times(store, &head->segment);
}

static bool has_name(const struct ct_store_file *store, const struct ct_segment *segment, const char *name)
{
	return segment->name.bytes == strlen(name) &&
	       !memcmp(store->strings + segment->name.offset, name, segment->name.bytes);
}

static bool is_wanted(const struct ct_store_file *store, const struct ct_segment *segment, uint32_t number,
		      const char *name)
{
	return name ? has_name(store, segment, name) : segment->number == number;
}

int ct_store_use_segment(struct ct_store_file *store, uint32_t number, const char *name, struct ct_error_text *error)
{
	const struct ct_segment *latest = ct_segment_latest(store->header);
	size_t found = store->segment_rows;
	if (is_wanted(store, latest, number, name))
		return CT_OK;
	for (size_t at = 0; at < store->segment_rows; at += head_at(store, at)->rows + 1)
		if (is_wanted(store, &head_at(store, at)->segment, number, name))
			found = at;
	if (found < store->segment_rows) {
		use_rows(store, found);
		return CT_OK;
	}
	if (!name)
		return ct_error_set(
			error, CT_ERR_USAGE,
			number && number < latest->number
				? "segment %u is not there: nothing was recorded in it, or there was no room; "
				  "ctrace info lists the segments"
				: "there is no segment %u; ctrace info lists the segments",
			number);
	for (size_t i = 0; i < store->mark_count; i++)
		if (store->marks[i].name.bytes == strlen(name) &&
		    !memcmp(store->strings + store->marks[i].name.offset, name, strlen(name)))
			return ct_error_set(error, CT_ERR_USAGE,
					    "no segment begins at the mark %s, so it has no counters of its own; "
					    "'ctrace ctl PID reset %s' begins one",
					    name, name);
	return ct_error_set(error, CT_ERR_USAGE, "no segment has the name %s; ctrace info lists the segments", name);
}

const struct ct_segment *ct_store_segment_next(const struct ct_store_file *store, size_t *at)
{
	const struct ct_segment *segment = NULL;
	if (*at < store->segment_rows) {
		segment = &head_at(store, *at)->segment;
		*at += head_at(store, *at)->rows + 1;
	} else if (*at == store->segment_rows) {
		segment = ct_segment_latest(store->header);
		++*at;
	}
	return segment;
}
