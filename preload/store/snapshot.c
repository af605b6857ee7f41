/* SPDX-License-Identifier: MIT */
/* A snapshot shows the sites as they were just before the first event at or after its time. */
#include "store/snapshot.h"

#include "ctrace/timeline.h"
#include "hot/state.h"
#include "store/store_file.h"

static uint64_t next_ticks; /* when the next snapshot is due */

static uint64_t write_rows(struct ct_snapshot_row *row)
{
	uint64_t count = ct_tracer.header->sections[CT_SECTION_SITES].used;
	const struct ct_snapshot_row *first = row;
	for (uint64_t id = 1; id < count; id++) {
		const struct ct_site *site = &ct_tracer.sites[id];
		if (site->live_blocks <= 0)
			continue;
		*row++ = (struct ct_snapshot_row){
			.site = (uint32_t)id,
			.blocks = site->live_blocks < UINT32_MAX ? (uint32_t)site->live_blocks : UINT32_MAX,
			.bytes = (uint64_t)site->live_bytes,
		};
	}
	return (uint64_t)(row - first);
}

void ct_snapshot_at(uint64_t ticks)
{
	struct ct_store_header *header = ct_tracer.header;
	uint32_t width = header->timeline[header->timeline_half].shift + CT_SNAPSHOT_SHIFT;
	if (ticks < next_ticks)
		return;
	uint64_t start = ct_segment_latest(header)->start_ticks;
	uint64_t boundary = ct_snapshot_boundary(header, ticks);
	next_ticks = boundary + ((uint64_t)1 << width);
	struct ct_section *section = &header->sections[CT_SECTION_SNAPSHOTS];
	uint64_t most = section->used + header->sections[CT_SECTION_SITES].used;
	if (boundary == start || most > ct_store_limit(CT_SECTION_SNAPSHOTS) ||
	    (most > ct_store_capacity(CT_SECTION_SNAPSHOTS) && !ct_store_grow(CT_SECTION_SNAPSHOTS, most)))
		return;
	struct ct_snapshot_row *head = (struct ct_snapshot_row *)ct_store_base(CT_SECTION_SNAPSHOTS) + section->used;
	uint64_t rows = write_rows(head + 1);
	*head = (struct ct_snapshot_row){.site = 0, .blocks = (uint32_t)rows, .bytes = boundary};
	ct_set_release(&section->used, section->used + 1 + rows);
}

void ct_snapshot_restart(void)
{
	ct_tracer.header->sections[CT_SECTION_SNAPSHOTS].used = 0;
	next_ticks = 0;
}
