/* SPDX-License-Identifier: MIT */
/* The store's snapshots become the profile's. Young programs take more of them: those between the latest distance go.
 */
#include <stdlib.h>

#include "load/store_parts.h"
#include "util/array.h"

/* The rows of the snapshot at `at`, its head not counted; -1 = it does not end inside. */
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
			store->snapshot_rows = at; /* of a site that came after the sites were read */
			return CT_OK;
		}
		at += (size_t)rows + 1;
	}
	return CT_OK;
}

static int add_snapshot(struct ct_profile *profile, const struct ct_store_file *store,
			const struct ct_snapshot_row *head, const uint32_t *site_of)
{
	struct ct_snapshot *snapshot = &profile->snapshots[profile->snapshot_count];
	*snapshot = (struct ct_snapshot){
		.time = ct_store_file_us(store, head->bytes),
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
	const struct ct_timeline *timeline = &store->header->timeline[store->header->timeline_half];
	uint32_t width = timeline->shift + CT_SNAPSHOT_SHIFT;
	size_t room = 0;
	for (size_t at = 0; at < store->snapshot_rows; at += store->snapshots[at].blocks + 1) {
		const struct ct_snapshot_row *head = &store->snapshots[at];
		if (width < 64 && head->bytes >> width << width != head->bytes)
			continue;
		if (!ct_array_room(&profile->snapshots, &room, profile->snapshot_count + 1,
				   sizeof(*profile->snapshots)) ||
		    add_snapshot(profile, store, head, site_of) < 0)
			return -1;
	}
	return 0;
}
