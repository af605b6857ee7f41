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
			if (head[i].site ? head[i].site < store->site_count : i == 1)
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

static bool is_partial(const struct ct_snapshot_row *head)
{
	return head->blocks && !head[1].site;
}

static uint32_t width_of(const struct ct_store_file *store, bool partial)
{
	return store->header->timeline[store->header->timeline_half].shift +
	       (partial ? CT_PARTIAL_SHIFT : CT_SNAPSHOT_SHIFT);
}

/* The start of the piece of time that `ticks` is in. */
static uint64_t start_of(uint64_t ticks, uint32_t width)
{
	return width < 64 ? ticks >> width << width : 0;
}

/* Times before the segment's start count as its start, so that a damaged time has a place, too. */
static bool is_between(const struct ct_store_file *store, const struct ct_snapshot_row *head)
{
	uint64_t time = ct_segment_time(store->header, head->bytes);
	return start_of(time, width_of(store, is_partial(head))) != time;
}

/*
 * Drop the snapshots between multiples of the distance, so that memory does not grow each time it doubles. Returns the
 * time of the latest snapshot.
 */
static uint64_t drop_between(struct ct_store_file *store)
{
	uint64_t latest = 0;
	size_t kept = 0;
	for (size_t at = 0, count; at < store->snapshot_rows; at += count) {
		const struct ct_snapshot_row *head = &store->snapshots[at];
		count = (size_t)head->blocks + 1;
		latest = head->bytes;
		if (is_between(store, head))
			continue;
		memmove(&store->snapshots[kept], head, count * sizeof(*head));
		kept += count;
	}
	store->snapshot_rows = kept;
	return latest;
}

static struct ct_snapshot_row row_of(uint32_t id, int64_t blocks, int64_t bytes)
{
	return (struct ct_snapshot_row){
		.site = id,
		.blocks = blocks < UINT32_MAX ? (uint32_t)blocks : UINT32_MAX,
		.bytes = (uint64_t)bytes,
	};
}

/* Write the sites with at least this much, and for a partial snapshot the sum of the others. */
static uint64_t write_rows(const struct ct_store_file *store, int64_t least, struct ct_snapshot_row *row)
{
	struct ct_snapshot_row *first = row, *rest = least ? row++ : NULL;
	int64_t bytes = 0, blocks = 0;
	for (size_t i = 1; i < store->site_count; i++) {
		const struct ct_site *site = &store->sites[i];
		if (site->live_blocks <= 0)
			continue;
		if (site->live_bytes >= least || !rest) {
			*row++ = row_of((uint32_t)i, site->live_blocks, site->live_bytes);
		} else {
			bytes += site->live_bytes;
			blocks += site->live_blocks;
		}
	}
	if (rest)
		*rest = row_of(0, blocks, bytes);
	return (uint64_t)(row - first);
}

int ct_store_snapshot_at(struct ct_store_file *store, uint64_t ticks)
{
	const struct ct_totals *totals = &store->header->totals;
	uint64_t end;
	ct_timeline_open(store->header, ticks, &end);
	uint32_t width = width_of(store, false), fine = width_of(store, true);
	if (width >= 64)
		return 0;
	uint64_t start = ct_segment_latest(store->header)->start_ticks, now = ct_segment_time(store->header, ticks);
	bool whole = now >= store->next_whole;
	uint64_t latest = ct_segment_time(store->header, drop_between(store));
	uint64_t since = ct_segment_time(store->header, store->since);
	uint64_t boundary = ct_snapshot_time(since > latest ? since : latest + 1, now, whole ? width : fine);
	if (whole)
		store->next_whole = start_of(now, width) + ((uint64_t)1 << width);
	store->next_snapshot =
		start + ct_snapshot_next(now, store->next_whole, width - CT_SNAPSHOT_SHIFT, store->site_count);
	/* The snapshot already exists if an undone batch is folded again. There is none at the start. */
	if (boundary <= latest)
		return 0;
	size_t live = 0, room = store->snapshot_rows;
	for (size_t i = 1; i < store->site_count; i++)
		live += store->sites[i].live_blocks > 0;
	if (!ct_array_room(&store->snapshots, &room, store->snapshot_rows + live + 2, sizeof(*store->snapshots)))
		return -1;
	struct ct_snapshot_row *head = &store->snapshots[store->snapshot_rows];
	uint64_t rows = write_rows(store, whole ? 0 : totals->live_bytes / CT_SNAPSHOT_PARTS + 1, head + 1);
	*head = (struct ct_snapshot_row){.blocks = (uint32_t)rows, .bytes = start + boundary};
	store->snapshot_rows += rows + 1;
	return 0;
}

static int add_snapshot(struct ct_profile *profile, const struct ct_store_file *store,
			const struct ct_snapshot_row *head, const uint32_t *site_of)
{
	struct ct_snapshot *snapshot = &profile->snapshots[profile->snapshot_count];
	*snapshot = (struct ct_snapshot){
		.time = ct_store_file_us(store, head->bytes - store->start_ticks),
		.partial = is_partial(head),
		.rows = malloc((head->blocks + 1) * sizeof(*snapshot->rows)),
	};
	if (!snapshot->rows)
		return -1;
	profile->snapshot_count++;
	for (uint32_t i = 1; i <= head->blocks; i++) {
		if (head[i].site && site_of[head[i].site] == UINT32_MAX)
			continue;
		snapshot->bytes += head[i].bytes;
		snapshot->blocks += head[i].blocks;
		if (!head[i].site)
			continue;
		snapshot->rows[snapshot->row_count++] = (struct ct_snapshot_site){
			.site = site_of[head[i].site],
			.bytes = head[i].bytes,
			.blocks = head[i].blocks,
		};
	}
	return 0;
}

int ct_store_snapshots(const struct ct_store_file *store, const uint32_t *site_of, struct ct_profile *profile)
{
	size_t room = 0;
	for (size_t at = 0; at < store->snapshot_rows; at += store->snapshots[at].blocks + 1) {
		const struct ct_snapshot_row *head = &store->snapshots[at];
		if (is_between(store, head) || head->bytes < store->start_ticks)
			continue;
		if (!ct_array_room(&profile->snapshots, &room, profile->snapshot_count + 1,
				   sizeof(*profile->snapshots)) ||
		    add_snapshot(profile, store, head, site_of) < 0)
			return -1;
	}
	return 0;
}
