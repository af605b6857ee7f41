/* SPDX-License-Identifier: MIT */
/*
 * What was live over time, by groups of sites. The moments are a profile's whole snapshots, its end, and those partial
 * snapshots at which the group is known well enough: a site without a row in one is at most as large as the smallest
 * site that has one, and all of them together have what the rows leave of the snapshot's sum.
 */
#ifndef CT_MODEL_SERIES_H
#define CT_MODEL_SERIES_H

#include "model/growth.h"
#include "model/profile.h"

/* A group's live bytes in a snapshot. */
struct ct_series_entry {
	uint32_t snapshot; /* index into ct_profile.snapshots */
	uint32_t rows;
	double bytes, blocks;
};

struct ct_series_group {
	size_t first, count; /* of its entries, in order of time */
	size_t sites;
	struct ct_moment end;
};

struct ct_series {
	const struct ct_profile *profile;
	struct ct_series_group *groups;
	struct ct_series_entry *entries;
	struct ct_moment *moments; /* room for one group */
	struct rest {
		double bytes; /* of the sites without a row */
		double site; /* the most that one of them can have */
	} * rests; /* by snapshot */
	size_t group_count;
	size_t whole; /* snapshots that are not partial */
	double grown_bytes; /* sum of the rises of all groups from the first whole snapshot to the end */
};

/* group_of: the group of each site, below group_count. 0, or < 0 when out of memory; call ct_series_fini in both cases.
 */
int ct_series_init(struct ct_series *series, const struct ct_profile *profile, const uint32_t *group_of,
		   size_t group_count);
void ct_series_fini(struct ct_series *series);

/* Are there moments enough for verdicts? */
bool ct_series_enough(const struct ct_series *series);

/* Collect a group's moments in series->moments. Returns their number. */
size_t ct_series_collect(struct ct_series *series, size_t group);

#endif
