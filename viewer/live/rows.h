/* SPDX-License-Identifier: MIT */
/*
 * What the interactive view lists: a profile as rows of sites, of groups (functions, modules, threads), or of a call
 * tree that is open here and there. Knows no screen. Rows have ids that stay when the profile is read again; their
 * contents live until the next ct_rows_build or change of the profile.
 */
#ifndef CT_LIVE_ROWS_H
#define CT_LIVE_ROWS_H

#include "view/view.h"

enum ct_rows_kind {
	CT_ROWS_SITES,
	CT_ROWS_FUNCTIONS,
	CT_ROWS_CALLEES, /* the call tree from the root down */
	CT_ROWS_CALLERS, /* from the functions that allocate up */
	CT_ROWS_MODULES,
	CT_ROWS_THREADS,
	CT_ROWS_KINDS,
};

struct ct_live_row {
	uint64_t id;
	struct ct_counters counters;
	uint32_t site; /* one that has the row's frames; of a group's row: nothing */
	uint32_t first_frame; /* of the row, in the site's frames; leaf first. Of a group's row: an example's id */
	uint32_t last_frame; /* included */
	double self; /* of a group's row: what it allocates itself, in the column of shares */
	uint16_t level;
	bool ends; /* what the row above allocates itself, or what has no caller: no frames of its own */
	bool can_open;
	bool is_open;
	bool one_line; /* all its sites have the same line in the frame that is named last */
};

struct ct_rows {
	enum ct_rows_kind kind;
	enum ct_column sort;
	bool reverse; /* smallest first */
	struct ct_live_row *rows;
	size_t count, room;
	uint64_t *opened; /* ids, in no order */
	size_t opened_count, opened_room;
};

/* CT_BY_SITE: its rows are not groups. */
enum ct_group_by ct_rows_by(enum ct_rows_kind kind);

/* Do the rows have frames to show? Modules and threads have none that say more than their names. */
bool ct_rows_have_stacks(enum ct_rows_kind kind);

void ct_rows_fini(struct ct_rows *rows);

/* left_out: by site, NULL = none is. 0, or < 0 without memory. */
int ct_rows_build(struct ct_rows *rows, const struct ct_profile *profile, const bool *allocators, const bool *left_out);

/* Open or close a row; shows at the next build. 0, or < 0 without memory. */
int ct_rows_open(struct ct_rows *rows, uint64_t id);
void ct_rows_close(struct ct_rows *rows, uint64_t id);

/* A row's frames, leaf first; number < ct_row_frame_count. */
uint32_t ct_row_frame_count(const struct ct_rows *rows, const struct ct_live_row *row);
uint32_t ct_row_frame(const struct ct_rows *rows, const struct ct_profile *profile, const struct ct_live_row *row,
		      uint32_t number);

#endif
