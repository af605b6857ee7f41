/* SPDX-License-Identifier: MIT */
#include "model/series.h"

#include <math.h>
#include <stdlib.h>

#define UNKNOWN_MAX 0.03 /* of a group's largest whole moment: the most that may be missing in a partial one */

static void add_row(struct ct_series *series, size_t snapshot, size_t group, const struct ct_snapshot_site *row)
{
	struct ct_series_group *it = &series->groups[group];
	struct ct_series_entry *entry = &series->entries[it->first + it->count];
	if (it->count && entry[-1].snapshot == snapshot)
		entry--;
	else
		it->count++;
	entry->snapshot = (uint32_t)snapshot;
	entry->rows++;
	entry->bytes += (double)row->bytes;
	entry->blocks += (double)row->blocks;
}

/* Each group's entries have room for a row of each of its sites' rows. Returns the number of all rows. */
static size_t place_entries(struct ct_series *series, const uint32_t *group_of)
{
	const struct ct_profile *profile = series->profile;
	size_t rows = 0;
	for (size_t i = 0; i < profile->snapshot_count; i++)
		for (size_t j = 0; j < profile->snapshots[i].row_count; j++)
			series->groups[group_of[profile->snapshots[i].rows[j].site]].first++;
	for (size_t g = 0; g < series->group_count; g++) {
		size_t count = series->groups[g].first;
		series->groups[g].first = rows;
		rows += count;
	}
	return rows;
}

static void add_snapshot(struct ct_series *series, size_t number, const uint32_t *group_of)
{
	const struct ct_snapshot *snapshot = &series->profile->snapshots[number];
	double listed = 0, least = INFINITY;
	for (size_t j = 0; j < snapshot->row_count; j++) {
		const struct ct_snapshot_site *row = &snapshot->rows[j];
		add_row(series, number, group_of[row->site], row);
		listed += (double)row->bytes;
		least = fmin(least, (double)row->bytes);
	}
	series->rests[number] = (struct rest){fmax(0, (double)snapshot->bytes - listed), least};
	series->whole += !snapshot->partial;
}

/*
 * A report leaves small sites out of its whole snapshots, too. Their end would look like a rise, so the last whole
 * snapshot decides which sites count. Flags them in *listed, or sets it to NULL if all do. False when out of memory.
 */
static bool find_listed(const struct ct_series *series, bool **listed)
{
	const struct ct_profile *profile = series->profile;
	size_t last = profile->snapshot_count;
	*listed = NULL;
	while (last > 0 && profile->snapshots[last - 1].partial)
		last--;
	if (!last || series->rests[last - 1].bytes <= 0)
		return true;
	*listed = calloc(profile->site_count + 1, sizeof(**listed));
	for (size_t j = 0; j < profile->snapshots[last - 1].row_count && *listed; j++)
		(*listed)[profile->snapshots[last - 1].rows[j].site] = true;
	return *listed != NULL;
}

static void add_ends(struct ct_series *series, const uint32_t *group_of, const bool *listed)
{
	const struct ct_profile *profile = series->profile;
	for (size_t i = 0; i < profile->site_count; i++) {
		struct ct_series_group *group = &series->groups[group_of[i]];
		group->sites++;
		if (listed && !listed[i])
			continue;
		group->end.bytes += (double)profile->sites[i].counters.end_bytes;
		group->end.blocks += (double)profile->sites[i].counters.end_blocks;
	}
}

static void add_growth(struct ct_series *series)
{
	const struct ct_profile *profile = series->profile;
	size_t whole = 0;
	while (whole < profile->snapshot_count && profile->snapshots[whole].partial)
		whole++;
	for (size_t g = 0; g < series->group_count; g++) {
		const struct ct_series_group *group = &series->groups[g];
		const struct ct_series_entry *entry = &series->entries[group->first], *end = entry + group->count;
		while (entry < end && entry->snapshot < whole)
			entry++;
		double before = entry < end && entry->snapshot == whole ? entry->bytes : 0;
		series->grown_bytes += fmax(0, group->end.bytes - before);
	}
}

int ct_series_init(struct ct_series *series, const struct ct_profile *profile, const uint32_t *group_of,
		   size_t group_count)
{
	*series = (struct ct_series){.profile = profile, .group_count = group_count};
	series->groups = calloc(group_count + 1, sizeof(*series->groups));
	series->moments = calloc(profile->snapshot_count + 1, sizeof(*series->moments));
	series->rests = calloc(profile->snapshot_count + 1, sizeof(*series->rests));
	if (!series->groups || !series->moments || !series->rests)
		return -1;
	series->entries = calloc(place_entries(series, group_of) + 1, sizeof(*series->entries));
	if (!series->entries)
		return -1;
	for (size_t i = 0; i < profile->snapshot_count; i++)
		add_snapshot(series, i, group_of);
	bool *listed;
	if (!find_listed(series, &listed))
		return -1;
	add_ends(series, group_of, listed);
	free(listed);
	add_growth(series);
	return 0;
}

void ct_series_fini(struct ct_series *series)
{
	free(series->groups);
	free(series->entries);
	free(series->moments);
	free(series->rests);
}

bool ct_series_enough(const struct ct_series *series)
{
	return series->whole + 1 >= CT_GROWTH_MOMENTS;
}

/* The most that a snapshot may not know of a group. */
static double unknown_of(const struct ct_series *series, const struct ct_series_group *group, size_t snapshot,
			 size_t rows)
{
	const struct rest *rest = &series->rests[snapshot];
	return group->sites > rows ? fmin(rest->bytes, rest->site * (double)(group->sites - rows)) : 0;
}

size_t ct_series_collect(struct ct_series *series, size_t number)
{
	const struct ct_profile *profile = series->profile;
	const struct ct_series_group *group = &series->groups[number];
	const struct ct_series_entry *entries = &series->entries[group->first];
	double most = group->end.bytes;
	for (size_t i = 0; i < group->count; i++)
		if (!profile->snapshots[entries[i].snapshot].partial)
			most = fmax(most, entries[i].bytes);
	size_t count = 0;
	for (size_t i = 0, at = 0; i < profile->snapshot_count; i++) {
		bool known = at < group->count && entries[at].snapshot == i;
		struct ct_moment moment = {.time = (double)profile->snapshots[i].time};
		size_t rows = known ? entries[at].rows : 0;
		if (known) {
			moment.bytes = entries[at].bytes;
			moment.blocks = entries[at++].blocks;
		}
		if (!profile->snapshots[i].partial || unknown_of(series, group, i, rows) <= most * UNKNOWN_MAX)
			series->moments[count++] = moment;
	}
	series->moments[count] = group->end;
	series->moments[count++].time = (double)profile->end_time;
	return count;
}
