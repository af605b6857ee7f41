/* SPDX-License-Identifier: MIT */
/* A snapshot shows the sites as they were just before the first event at or after its time. */
#include "store/snapshot.h"

#include "ctrace/timeline.h"
#include "hot/state.h"
#include "store/mappings.h"
#include "store/store_file.h"

/* Ticks since the segment's start. */
static uint64_t next_ticks; /* when the next snapshot is due, even if it is a partial one */
static uint64_t next_whole;
static uint64_t since; /* no event since then has been folded; the end of a bucket */

static struct ct_snapshot_row row_of(uint32_t id, int64_t blocks, int64_t bytes)
{
	return (struct ct_snapshot_row){
		.site = id,
		.blocks = blocks < UINT32_MAX ? (uint32_t)blocks : UINT32_MAX,
		.bytes = (uint64_t)bytes,
	};
}

/* Has it live blocks of the heap? */
static bool is_live(const struct ct_site *site)
{
	if (site->live_blocks <= 0)
		return false;
	if (ct_likely(!ct_mmap_are_on()))
		return true;
	const struct ct_node *node = &ct_tracer.nodes[site->node];
	return !ct_is_pseudo(node->module, node->address, CT_PSEUDO_MAPPING) &&
	       !ct_is_pseudo(node->module, node->address, CT_PSEUDO_STACK);
}

static uint64_t write_rows(struct ct_snapshot_row *row)
{
	uint64_t count = ct_get_acquire(&ct_tracer.header->sections[CT_SECTION_SITES].used);
	const struct ct_snapshot_row *first = row;
	for (uint64_t id = 1; id < count; id++) {
		const struct ct_site *site = &ct_tracer.sites[id];
		if (is_live(site))
			*row++ = row_of((uint32_t)id, site->live_blocks, site->live_bytes);
	}
	return (uint64_t)(row - first);
}

/* At most CT_SNAPSHOT_PARTS rows, and that of the rest. */
static uint64_t write_largest(struct ct_snapshot_row *rest)
{
	uint64_t count = ct_get_acquire(&ct_tracer.header->sections[CT_SECTION_SITES].used);
	int64_t least = ct_tracer.header->totals.live_bytes / CT_SNAPSHOT_PARTS + 1, bytes = 0, blocks = 0;
	struct ct_snapshot_row *row = rest + 1, *end = row + CT_SNAPSHOT_PARTS;
	for (uint64_t id = 1; id < count; id++) {
		const struct ct_site *site = &ct_tracer.sites[id];
		if (!is_live(site))
			continue;
		if (site->live_bytes >= least && row < end) {
			*row++ = row_of((uint32_t)id, site->live_blocks, site->live_bytes);
		} else {
			bytes += site->live_bytes;
			blocks += site->live_blocks;
		}
	}
	*rest = row_of(0, blocks, bytes);
	return (uint64_t)(row - rest);
}

/* Is there room for this many rows more? */
static bool make_room(uint64_t rows)
{
	uint64_t most = ct_tracer.header->sections[CT_SECTION_SNAPSHOTS].used + rows;
	return most <= ct_store_limit(CT_SECTION_SNAPSHOTS) &&
	       (most <= ct_store_capacity(CT_SECTION_SNAPSHOTS) || ct_store_grow(CT_SECTION_SNAPSHOTS, most));
}

void ct_snapshot_at(uint64_t ticks)
{
	struct ct_store_header *header = ct_tracer.header;
	uint32_t shift = header->timeline[header->timeline_half].shift;
	uint64_t quiet = since, sites = ct_get_acquire(&header->sections[CT_SECTION_SITES].used);
	ticks = ct_segment_time(header, ticks);
	if (ticks >= since) /* a late event belongs to an earlier bucket */
		since = ((ticks >> shift) + 1) << shift;
	if (ticks < next_ticks)
		return;
	bool whole = ticks >= next_whole;
	uint32_t width = shift + (whole ? CT_SNAPSHOT_SHIFT : CT_PARTIAL_SHIFT);
	uint64_t boundary = ct_snapshot_time(quiet, ticks, width);
	if (whole)
		next_whole = ((ticks >> width) + 1) << width;
	next_ticks = ct_snapshot_next(ticks, next_whole, shift, sites);
	if (!boundary || !make_room(whole ? sites : CT_SNAPSHOT_PARTS + 2))
		return;
	struct ct_section *section = &header->sections[CT_SECTION_SNAPSHOTS];
	struct ct_snapshot_row *head = (struct ct_snapshot_row *)ct_store_base(CT_SECTION_SNAPSHOTS) + section->used;
	uint64_t start = ct_segment_latest(header)->start_ticks;
	uint64_t rows = whole ? write_rows(head + 1) : write_largest(head + 1);
	*head = (struct ct_snapshot_row){.site = 0, .blocks = (uint32_t)rows, .bytes = start + boundary};
	ct_set_release(&section->used, section->used + 1 + rows);
}

void ct_snapshot_restart(void)
{
	ct_tracer.header->sections[CT_SECTION_SNAPSHOTS].used = 0;
	next_ticks = next_whole = since = 0;
}
