/* SPDX-License-Identifier: MIT */
/*
 * The change from one segment to the next, which a kill or a reader may meet at any store: the counters of the old one
 * are copied first; one store to segment_half makes the new one valid; from there on the counters count as 0 until
 * `cleared` says that they are (tests/litmus/segment.litmus).
 */
#include "store/segment.h"

#include <string.h>

#include "ctrace/timeline.h"
#include "hot/journal.h"
#include "hot/state.h"
#include "store/combine.h"
#include "store/mappings.h"
#include "store/snapshot.h"
#include "store/store_file.h"
#include "sys/lock.h"
#include "sys/machine.h"

/* Long enough for all processors to see a store that was made before it, in ticks: tens of microseconds. */
#define VISIBLE_TICKS (1u << 16)

static void wait_until(uint64_t ticks)
{
	while (ct_ticks() <= ticks)
		ct_machine_pause();
}

static bool is_used(const struct ct_site *site)
{
	return site->total_blocks != 0;
}

/* Copy the counters. False: no room. */
static bool keep_counters(const struct ct_segment *segment)
{
	struct ct_store_header *header = ct_tracer.header;
	struct ct_section *section = &header->sections[CT_SECTION_SEGMENTS];
	uint64_t sites = header->sections[CT_SECTION_SITES].used, rows = 0;
	for (uint64_t id = 1; id < sites; id++)
		rows += is_used(&ct_tracer.sites[id]);
	if (!rows)
		return true;
	if (!ct_store_try_grow(CT_SECTION_SEGMENTS, section->used + rows + 1))
		return false;
	struct ct_site *row = (struct ct_site *)ct_store_base(CT_SECTION_SEGMENTS) + section->used;
	struct ct_segment_head head = {.segment = *segment, .totals = header->totals, .rows = (uint32_t)rows};
	memcpy(row, &head, sizeof(head));
	for (uint64_t id = 1; id < sites; id++) {
		if (!is_used(&ct_tracer.sites[id]))
			continue;
		memcpy(++row, &ct_tracer.sites[id], sizeof(*row));
		row->batch = (uint32_t)id;
	}
	ct_set_release(&section->used, section->used + rows + 1);
	return true;
}

/* The sites' nodes stay. A site that is being made has no counters yet. */
static void clear_counters(uint64_t start)
{
	struct ct_store_header *header = ct_tracer.header;
	uint64_t sites = ct_get_acquire(&header->sections[CT_SECTION_SITES].used);
	header->progress.undo_mark = 0;
	ct_ordered();
	for (uint64_t id = 1; id < sites; id++) {
		struct ct_site *site = &ct_tracer.sites[id];
		memset(site, 0, offsetof(struct ct_site, node));
		site->histogram =
			(struct ct_histogram){0}; /* its counters stay: the segment's copy of the site has them */
	}
	header->totals = (struct ct_totals){.start_ticks = start};
	for (int i = 0; i < 2; i++) {
		memset(&header->timeline[i].bucket[0], 0, sizeof(header->timeline[i].bucket[0]));
		header->timeline[i].used = 0;
		header->timeline[i].shift = CT_TIMELINE_FIRST_SHIFT;
	}
	ct_snapshot_restart();
}

void ct_segment_init(uint32_t mode, uint64_t sample_bytes, struct ct_span name)
{
	struct ct_store_header *header = ct_tracer.header;
	header->segment[0] = (struct ct_segment){.number = 1, .mode = mode, .sample_bytes = sample_bytes, .name = name};
	header->sample_bytes = sample_bytes;
	header->mode = mode;
	header->cleared = 1;
}

void ct_segment_begin(uint32_t mode, uint64_t sample_bytes, struct ct_span name)
{
	struct ct_store_header *header = ct_tracer.header;
	struct ct_segment *old = &header->segment[header->segment_half], *new = &header->segment[!header->segment_half];
	ct_lock_get(&ct_lock_claim); /* no slice may have events of both segments */
	uint64_t start = ct_ticks() + VISIBLE_TICKS;
	ct_tracer.segment_ticks_before = ct_tracer.segment_ticks;
	ct_set_release(&ct_tracer.segment_ticks, start);
	wait_until(start);
	ct_combine_until(start - 1);
	if (!old->end_ticks)
		old->end_ticks = start;
	ct_mmap_lock();
	if (!keep_counters(old))
		header->segments_dropped++;
	*new = (struct ct_segment){
		.number = old->number + 1,
		.mode = mode,
		.sample_bytes = sample_bytes,
		.start_ticks = start,
		.name = name,
	};
	ct_ordered();
	header->segment_half = !header->segment_half;
	ct_ordered();
	clear_counters(start);
	ct_mmap_forget();
	ct_mmap_unlock();
	header->sample_bytes = sample_bytes;
	ct_ordered();
	header->cleared = new->number;
	ct_lock_put(&ct_lock_claim);
}

void ct_segment_end(void)
{
	struct ct_store_header *header = ct_tracer.header;
	ct_lock_get(&ct_lock_claim);
	uint64_t end = ct_ticks();
	ct_combine_until(end);
	ct_lock_put(&ct_lock_claim);
	header->segment[header->segment_half].end_ticks = end;
}
