/* SPDX-License-Identifier: MIT */
/*
 * The rows of the interactive view: the sites of a profile, folded by own code, its groups (functions, modules,
 * threads, tags), or the open parts of its call tree. This part does not depend on a screen. Rows keep their ids when
 * the profile is read again; their contents are valid until the next ct_rows_build or change of the profile.
 */
#ifndef CT_LIVE_ROWS_H
#define CT_LIVE_ROWS_H

#include "live/leaking.h"
#include "model/histogram.h"
#include "view/view.h"

enum ct_rows_kind {
	CT_ROWS_SITES,
	CT_ROWS_FUNCTIONS,
	CT_ROWS_CALLEES, /* the call tree from the root down */
	CT_ROWS_CALLERS, /* the call tree from the allocating functions up */
	CT_ROWS_MODULES,
	CT_ROWS_THREADS,
	CT_ROWS_TAGS,
	CT_ROWS_LEAKS, /* sites with leak candidates, those with a finding first */
	CT_ROWS_KINDS,
};

struct ct_live_row {
	uint64_t id;
	struct ct_counters counters;
	uint32_t site; /* a site that has the row's frames; unused for a group */
	uint32_t number; /* of a row that ct_rows_are_sites, for ct_rows.number_of */
	uint32_t site_count; /* of a row that ct_rows_are_sites: the sites that are folded into it */
	bool many_calls; /* as in struct ct_fold_row */
	uint32_t first_frame; /* of the row, as an index in the site's frames, leaf first; for a group: a frame id */
	uint32_t last_frame; /* inclusive */
	double self; /* for a group: what it allocates itself, in the column of percentages */
	uint16_t level;
	bool ends; /* what the row above allocates itself, or what has no caller; without frames of its own */
	bool can_open;
	bool is_open;
	const struct ct_advice *leak; /* of a row of CT_ROWS_LEAKS: its finding; NULL = none */
	const struct ct_stay *stay; /* and what its function has at the end; NULL = little */
	bool one_line; /* all its sites have the same line in the frame shown last */
};

struct ct_rows {
	enum ct_rows_kind kind;
	enum ct_column sort;
	bool reverse; /* smallest first */
	struct ct_live_row *rows;
	size_t count, room;
	uint32_t
		*number_of; /* of CT_ROWS_SITES: by site, the number of its row; not set for a site that was left out */
	uint64_t *opened; /* ids of open rows, unordered */
	size_t opened_count, opened_room;
};

/* The grouping of a kind; CT_BY_SITE: its rows are not groups. */
enum ct_group_by ct_rows_by(enum ct_rows_kind kind);

/* Are the rows folded sites? */
bool ct_rows_are_sites(enum ct_rows_kind kind);

/* Do the rows have stacks to show? Modules, threads and tags have only their names. */
bool ct_rows_have_stacks(enum ct_rows_kind kind);

void ct_rows_fini(struct ct_rows *rows);

/* The sum of a row's sites, for a row that ct_rows_are_sites; left_out as in ct_rows_build. */
struct ct_spread ct_row_spread(const struct ct_rows *rows, const struct ct_profile *profile, const bool *left_out,
			       const struct ct_live_row *row, enum ct_histogram_kind kind);

/*
 * Build the rows. left_out flags the sites to skip; NULL = skip none. leaking: for CT_ROWS_LEAKS, whose own left_out
 * counts. 0, or < 0 when out of memory.
 */
int ct_rows_build(struct ct_rows *rows, const struct ct_profile *profile, const struct ct_origins *origins,
		  const bool *left_out, const struct ct_leaking *leaking);

/* Open or close a row, which takes effect at the next build. 0, or < 0 when out of memory. */
int ct_rows_open(struct ct_rows *rows, uint64_t id);
void ct_rows_close(struct ct_rows *rows, uint64_t id);

/* The number of frames in a row, and the id of one of them, leaf first; number < ct_row_frame_count. */
uint32_t ct_row_frame_count(const struct ct_rows *rows, const struct ct_live_row *row);
uint32_t ct_row_frame(const struct ct_rows *rows, const struct ct_profile *profile, const struct ct_live_row *row,
		      uint32_t number);

#endif
