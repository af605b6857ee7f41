/* SPDX-License-Identifier: MIT */
#include "live/rows.h"

#include <stdlib.h>

#include "model/fold.h"
#include "util/array.h"
#include "view/branch.h"
#include "view/order.h"

#define LEVELS_MAX 1000

/* A step of FNV-1a, by words, for the id of a path through the tree. */
static uint64_t id_below(uint64_t id, uint32_t key)
{
	return (id ^ key) * 0x100000001b3u;
}

static struct ct_live_row *add_row(struct ct_rows *rows)
{
	if (!ct_array_room(&rows->rows, &rows->room, rows->count + 1, sizeof(*rows->rows)))
		return NULL;
	rows->rows[rows->count] = (struct ct_live_row){0};
	return &rows->rows[rows->count++];
}

static bool is_opened(const struct ct_rows *rows, uint64_t id)
{
	for (size_t i = 0; i < rows->opened_count; i++)
		if (rows->opened[i] == id)
			return true;
	return false;
}

int ct_rows_open(struct ct_rows *rows, uint64_t id)
{
	if (is_opened(rows, id))
		return 0;
	if (!ct_array_room(&rows->opened, &rows->opened_room, rows->opened_count + 1, sizeof(*rows->opened)))
		return -1;
	rows->opened[rows->opened_count++] = id;
	return 0;
}

void ct_rows_close(struct ct_rows *rows, uint64_t id)
{
	for (size_t i = 0; i < rows->opened_count; i++)
		if (rows->opened[i] == id)
			rows->opened[i--] = rows->opened[--rows->opened_count];
}

static int compare_sites(const void *a, const void *b, void *context)
{
	const struct ct_rows *rows = context;
	const struct ct_live_row *first = a, *second = b;
	if (!first->leak != !second->leak)
		return first->leak ? -1 : 1;
	double x = ct_column_value(&first->counters, rows->sort), y = ct_column_value(&second->counters, rows->sort);
	if (x != y)
		return (x < y) != rows->reverse ? 1 : -1;
	if (rows->kind == CT_ROWS_LEAKS && first->counters.end_bytes != second->counters.end_bytes)
		return (first->counters.end_bytes < second->counters.end_bytes) != rows->reverse ? 1 : -1;
	if (first->counters.total_bytes != second->counters.total_bytes)
		return (first->counters.total_bytes < second->counters.total_bytes) != rows->reverse ? 1 : -1;
	return first->site < second->site ? -1 : 1;
}

static int build_sites(struct ct_rows *rows, const struct ct_profile *profile, const struct ct_origins *origins,
		       const bool *left_out, const struct ct_leaking *leaking)
{
	struct ct_fold fold;
	int code = ct_fold_init(&fold, profile, origins, origins->rule == CT_ORIGIN_NONE,
				leaking ? leaking->left_out : left_out);
	for (size_t i = 0; i < fold.count && !code; i++) {
		struct ct_live_row *row = add_row(rows);
		code = row ? 0 : -1;
		if (!row)
			break;
		row->id = fold.rows[i].first;
		row->number = (uint32_t)i;
		row->counters = *fold.rows[i].counters;
		row->counters.threads = fold.rows[i].thread_count;
		row->site = fold.rows[i].site;
		row->site_count = fold.rows[i].site_count;
		row->many_calls = fold.rows[i].many_calls;
		row->last_frame = profile->sites[row->site].frame_count - 1;
		row->leak = leaking ? ct_findings_leak(&leaking->findings, row->site) : NULL;
		row->stay = leaking ? ct_findings_stay(&leaking->findings, row->site) : NULL;
	}
	if (rows->count)
		qsort_r(rows->rows, rows->count, sizeof(*rows->rows), compare_sites, rows);
	free(rows->number_of);
	rows->number_of = fold.row_of;
	fold.row_of = NULL;
	ct_fold_fini(&fold);
	return code;
}

enum ct_group_by ct_rows_by(enum ct_rows_kind kind)
{
	return kind == CT_ROWS_FUNCTIONS ? CT_BY_FUNCTION
	       : kind == CT_ROWS_MODULES ? CT_BY_MODULE
	       : kind == CT_ROWS_THREADS ? CT_BY_THREAD
	       : kind == CT_ROWS_TAGS    ? CT_BY_TAG
					 : CT_BY_SITE;
}

bool ct_rows_are_sites(enum ct_rows_kind kind)
{
	return kind == CT_ROWS_SITES || kind == CT_ROWS_LEAKS;
}

bool ct_rows_have_stacks(enum ct_rows_kind kind)
{
	return kind != CT_ROWS_MODULES && !ct_group_by_label(ct_rows_by(kind));
}

static int add_groups(struct ct_rows *rows, const struct ct_profile *profile, const struct ct_groups *groups)
{
	const struct ct_view view = {.profile = profile, .sort = rows->sort, .cumulative = true};
	size_t count;
	const struct ct_group **order = ct_order_groups(&view, groups, &count);
	int code = order ? 0 : -1;
	for (size_t i = 0; i < count && !code; i++) {
		const struct ct_group *group = order[rows->reverse ? count - 1 - i : i];
		struct ct_live_row *row = add_row(rows);
		code = row ? 0 : -1;
		if (!row)
			break;
		row->id = group->key;
		row->counters = group->cumulative;
		row->self = ct_column_value(&group->self, ct_column_share(rows->sort));
		row->first_frame = row->last_frame = group->example;
	}
	free(order);
	return code;
}

static int build_groups(struct ct_rows *rows, const struct ct_profile *profile, const bool *left_out)
{
	enum ct_group_by by = ct_rows_by(rows->kind);
	struct ct_error_text ignored;
	struct ct_groups groups;
	int code = ct_groups_init(&groups, profile, by, &ignored);
	if (!code) {
		ct_groups_count(&groups, profile, by, left_out, false);
		code = add_groups(rows, profile, &groups);
	}
	ct_groups_fini(&groups);
	return code == CT_ERR_USAGE ? 0 : code; /* CT_ERR_USAGE: no threads or tags yet */
}

/* The index, in the site's frames, of a depth in the tree, which counts from 1. */
static uint32_t frame_index(const struct ct_branches *branches, uint32_t site, uint32_t depth)
{
	return branches->bottom_up ? branches->leaves[site] + depth - 1 : branches->ends[site] - depth;
}

static bool has_one_line(const struct ct_branches *branches, const struct ct_branch *branch)
{
	const struct ct_frame *first = ct_branch_frame(branches, branch, branch->start);
	for (size_t i = branch->start + 1; i < branch->end; i++) {
		const struct ct_frame *other = ct_branch_frame(branches, branch, i);
		if (other->file != first->file || other->line != first->line)
			return false;
	}
	return true;
}

static int add_children(struct ct_rows *rows, struct ct_branches *branches, const struct ct_branch *children,
			size_t count, int level, uint64_t above);

/* Add a row for a branch and the chain of calls below it, as far as that does not branch. */
static int add_branch(struct ct_rows *rows, struct ct_branches *branches, struct ct_branch branch, int level,
		      uint64_t above)
{
	struct ct_live_row *row = add_row(rows);
	uint32_t first = branch.depth;
	size_t count = 0;
	struct ct_branch *children = NULL;
	if (!row)
		return -1;
	*row = (struct ct_live_row){
		.id = id_below(above, branch.key),
		.counters = branch.counters,
		.site = branches->paths[branch.start].site,
		.level = (uint16_t)level,
		.ends = !branch.key,
	};
	if (row->ends)
		return 0;
	for (;;) {
		children = ct_branch_children(branches, &branch, &count);
		if (!children)
			return -1;
		if (count != 1 || !children[0].key)
			break;
		branch = children[0];
		free(children);
	}
	uint32_t from = frame_index(branches, row->site, first), to = frame_index(branches, row->site, branch.depth);
	row->first_frame = from < to ? from : to;
	row->last_frame = from < to ? to : from;
	row->one_line = has_one_line(branches, &branch);
	row->can_open = count > 1 && level < LEVELS_MAX;
	row->is_open = row->can_open && is_opened(rows, row->id);
	int code = row->is_open ? add_children(rows, branches, children, count, level + 1, row->id) : 0;
	free(children);
	return code;
}

static int add_children(struct ct_rows *rows, struct ct_branches *branches, const struct ct_branch *children,
			size_t count, int level, uint64_t above)
{
	int code = 0;
	for (size_t i = 0; i < count && !code; i++)
		code = add_branch(rows, branches, children[rows->reverse ? count - 1 - i : i], level, above);
	return code;
}

static int build_tree(struct ct_rows *rows, const struct ct_profile *profile, const struct ct_origins *origins,
		      const bool *left_out)
{
	struct ct_branches branches;
	int code = ct_branches_init(&branches, profile, origins, left_out);
	struct ct_branch root = {.end = branches.count}, *children = NULL;
	size_t count;
	branches.sort = rows->sort;
	branches.bottom_up = rows->kind == CT_ROWS_CALLERS;
	if (!code && branches.count) {
		children = ct_branch_children(&branches, &root, &count);
		code = children ? add_children(rows, &branches, children, count, 0, (uint64_t)rows->kind) : -1;
	}
	free(children);
	ct_branches_fini(&branches);
	return code;
}

int ct_rows_build(struct ct_rows *rows, const struct ct_profile *profile, const struct ct_origins *origins,
		  const bool *left_out, const struct ct_leaking *leaking)
{
	rows->count = 0;
	switch (rows->kind) {
	case CT_ROWS_SITES:
		return build_sites(rows, profile, origins, left_out, NULL);
	case CT_ROWS_LEAKS:
		return build_sites(rows, profile, origins, NULL, leaking);
	case CT_ROWS_CALLEES:
	case CT_ROWS_CALLERS:
		return build_tree(rows, profile, origins, left_out);
	default:
		return build_groups(rows, profile, left_out);
	}
}

void ct_rows_fini(struct ct_rows *rows)
{
	free(rows->rows);
	free(rows->opened);
	free(rows->number_of);
}

struct ct_spread ct_row_spread(const struct ct_rows *rows, const struct ct_profile *profile, const bool *left_out,
			       const struct ct_live_row *row, enum ct_histogram_kind kind)
{
	struct ct_spread spread = {{0}};
	for (size_t i = 0; i < profile->site_count; i++)
		if (rows->number_of[i] == row->number && !(left_out && left_out[i]))
			ct_spread_add(&spread, profile, &profile->sites[i], kind);
	return spread;
}

uint32_t ct_row_frame_count(const struct ct_rows *rows, const struct ct_live_row *row)
{
	return row->ends ? 0 : ct_rows_by(rows->kind) ? 1 : row->last_frame - row->first_frame + 1;
}

uint32_t ct_row_frame(const struct ct_rows *rows, const struct ct_profile *profile, const struct ct_live_row *row,
		      uint32_t number)
{
	if (ct_rows_by(rows->kind))
		return row->first_frame;
	return profile->frame_ids[profile->sites[row->site].first_frame + row->first_frame + number];
}
