/* SPDX-License-Identifier: MIT */
/*
 * Turns a store's snapshots into the profile's. The distance between snapshots doubles as a program ages. Older
 * snapshots that lie between multiples of the latest distance are dropped.
 */
#include <stdlib.h>
#include <string.h>

#include "ctrace/timeline.h"
#include "load/store/store_steps.h"
#include "util/array.h"

/* The number of rows in the snapshot at `at`, without its head; -1: it does not end within the section. */
static int64_t rows_at(const struct ct_store_file *store, size_t at)
{
	const struct ct_snapshot_row *head = &store->snapshots[at];
	if (head->site || head->blocks > store->snapshot_rows - at - 1)
		return -1;
	return head->blocks;
}

int ct_store_check_snapshots(struct ct_store_file *store, struct ct_error_text *error)
{
	uint64_t time = 0;
	for (size_t at = 0; at < store->snapshot_rows;) {
		const struct ct_snapshot_row *head = &store->snapshots[at];
		int64_t rows = rows_at(store, at);
		if (rows < 0 || head->bytes < time)
			return ct_store_damaged(error, "bad snapshot");
		time = head->bytes;
		for (int64_t i = 1; i <= rows; i++) {
			if (head[i].site && head[i].site < store->site_count)
				continue;
			if (store->header->state != CT_STATE_RECORDING || !head[i].site)
				return ct_store_damaged(error, "snapshot of an unknown site");
			store->snapshot_rows = at; /* its site was added after the sites were read */
			return CT_OK;
		}
		at += (size_t)rows + 1;
	}
	return CT_OK;
}

static uint32_t width_of(const struct ct_store_file *store)
{
	return store->header->timeline[store->header->timeline_half].shift + CT_SNAPSHOT_SHIFT;
}

/* Times before the segment's start count as its start, so that a damaged time has a place, too. */
static bool is_between(const struct ct_store_file *store, const struct ct_snapshot_row *head, uint32_t width)
{
	return width < 64 && head->bytes != ct_snapshot_boundary(store->header, head->bytes);
}

/*
 * Drop the snapshots between multiples of the distance, so that memory does not grow each time it doubles. Returns the
 * time of the latest snapshot.
 */
static uint64_t drop_between(struct ct_store_file *store, uint32_t width)
{
	uint64_t latest = 0;
	size_t kept = 0;
	for (size_t at = 0, count; at < store->snapshot_rows; at += count) {
		const struct ct_snapshot_row *head = &store->snapshots[at];
		count = (size_t)head->blocks + 1;
		latest = head->bytes;
		if (is_between(store, head, width))
			continue;
		memmove(&store->snapshots[kept], head, count * sizeof(*head));
		kept += count;
	}
	store->snapshot_rows = kept;
	return latest;
}

int ct_store_snapshot_at(struct ct_store_file *store, uint64_t ticks)
{
	uint64_t end;
	ct_timeline_open(store->header, ticks, &end);
	uint32_t width = width_of(store);
	if (width >= 64)
		return 0;
	uint64_t boundary = ct_snapshot_boundary(store->header, ticks), latest = drop_between(store, width);
	store->next_snapshot = boundary + ((uint64_t)1 << width);
	/* The snapshot already exists if an undone batch is folded again. There is none at the start. */
	if (boundary <= latest || boundary == ct_segment_latest(store->header)->start_ticks)
		return 0;
	size_t live = 0, room = store->snapshot_rows;
	for (size_t i = 1; i < store->site_count; i++)
		live += store->sites[i].live_blocks > 0;
	if (!ct_array_room(&store->snapshots, &room, store->snapshot_rows + live + 1, sizeof(*store->snapshots)))
		return -1;
	struct ct_snapshot_row *row = &store->snapshots[store->snapshot_rows];
	*row++ = (struct ct_snapshot_row){.blocks = (uint32_t)live, .bytes = boundary};
	for (size_t i = 1; i < store->site_count; i++) {
		const struct ct_site *site = &store->sites[i];
		if (site->live_blocks > 0)
			*row++ = (struct ct_snapshot_row){
				.site = (uint32_t)i,
				.blocks = site->live_blocks < UINT32_MAX ? (uint32_t)site->live_blocks : UINT32_MAX,
				.bytes = (uint64_t)site->live_bytes,
			};
	}
	store->snapshot_rows += live + 1;
	return 0;
}

static int add_snapshot(struct ct_profile *profile, const struct ct_store_file *store,
			const struct ct_snapshot_row *head, const uint32_t *site_of)
{
	struct ct_snapshot *snapshot = &profile->snapshots[profile->snapshot_count];
	*snapshot = (struct ct_snapshot){
		.time = ct_store_file_us(store, head->bytes - store->start_ticks),
		.rows = malloc((head->blocks + 1) * sizeof(*snapshot->rows)),
	};
	if (!snapshot->rows)
		return -1;
	profile->snapshot_count++;
	for (uint32_t i = 1; i <= head->blocks; i++) {
		if (site_of[head[i].site] == UINT32_MAX)
			continue;
		snapshot->rows[snapshot->row_count++] = (struct ct_snapshot_site){
			.site = site_of[head[i].site],
			.bytes = head[i].bytes,
			.blocks = head[i].blocks,
		};
		snapshot->bytes += head[i].bytes;
		snapshot->blocks += head[i].blocks;
	}
	return 0;
}

int ct_store_snapshots(const struct ct_store_file *store, const uint32_t *site_of, struct ct_profile *profile)
{
	uint32_t width = width_of(store);
	size_t room = 0;
	for (size_t at = 0; at < store->snapshot_rows; at += store->snapshots[at].blocks + 1) {
		const struct ct_snapshot_row *head = &store->snapshots[at];
		if (is_between(store, head, width) || head->bytes < store->start_ticks)
			continue;
		if (!ct_array_room(&profile->snapshots, &room, profile->snapshot_count + 1,
				   sizeof(*profile->snapshots)) ||
		    add_snapshot(profile, store, head, site_of) < 0)
			return -1;
	}
	return 0;
}
