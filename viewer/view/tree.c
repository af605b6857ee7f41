/* SPDX-License-Identifier: MIT */
/*
 * The call tree by function, from the root down. Only branches that are shown cost anything. A chain of calls that
 * does not branch is one entry.
 */
#include "view/view.h"

#include <stdlib.h>
#include <string.h>

#include "model/origin.h"
#include "names/names.h"
#include "names/number.h"
#include "util/array.h"
#include "view/branch.h"

#define LEVELS_MAX 100 /* branches nested more deeply are not shown */
#define TEXT_MIN 30 /* minimum width that indentation leaves for names */
#define INDENT 3
#define WIDE_TERMINAL 120
#define SKIPPED_WIDTH 14 /* of "(123 more) > " */

struct tree {
	const struct ct_view *view;
	struct ct_layout layout;
	struct ct_line line;
	struct ct_origins origins;
	struct ct_branches branches;
	const struct ct_frame **chain; /* of the current branch, outermost first */
	size_t chain_length;
	size_t chain_room;
	double least; /* smallest value of a branch that is shown */
	enum ct_column share;
	bool last[LEVELS_MAX + 1]; /* is the branch of each level the last among its siblings? */
};

static double value_of(const struct tree *tree, const struct ct_counters *counters)
{
	return ct_column_value(counters, tree->share);
}

/* The number of sorted children that are shown. */
static size_t count_shown(const struct tree *tree, const struct ct_branch *children, size_t count)
{
	size_t shown = 0;
	while (shown < count && value_of(tree, &children[shown].counters) > 0 &&
	       value_of(tree, &children[shown].counters) >= tree->least)
		shown++;
	return shown;
}

/* Add the lines and spaces in front of a name at this level; own: including its own corner. */
static void add_indent(struct tree *tree, int level, bool own)
{
	int room = tree->view->terminal->columns - tree->layout.text_column - TEXT_MIN;
	int first = level * INDENT > room ? level - (room > 0 ? room / INDENT : 0) : 0;
	ct_line_style(&tree->line, CT_STYLE_QUIET);
	for (int i = first + 1; i <= level; i++) {
		if (i < level || !own)
			ct_line_add(&tree->line, tree->last[i] ? "   " : "│  ");
		else
			ct_line_add(&tree->line, tree->last[i] ? "└─ " : "├─ ");
	}
	ct_line_style(&tree->line, CT_STYLE_PLAIN);
}

/* Continue a chain on a new line. */
static void break_line(struct tree *tree, int level, bool has_children)
{
	ct_line_end(&tree->line);
	ct_line_add_blanks(&tree->line, tree->layout.text_column);
	add_indent(tree, level, false);
	ct_line_style(&tree->line, CT_STYLE_QUIET);
	ct_line_add(&tree->line, has_children ? "│  " : "   ");
	ct_line_style(&tree->line, CT_STYLE_PLAIN);
}

static bool is_own(const struct tree *tree, const struct ct_frame *frame)
{
	return ct_origin_is_own(&tree->origins, (uint32_t)(frame - tree->view->profile->frames));
}

/*
 * Leave the functions of libraries out of a chain that has own code too. Returns the first one behind the last own
 * function, or NULL.
 */
static const struct ct_frame *keep_own(struct tree *tree)
{
	size_t kept = 0, last = 0;
	const struct ct_frame *call = NULL;
	for (size_t i = 0; i < tree->chain_length; i++)
		if (is_own(tree, tree->chain[i]))
			last = i + 1;
	if (!last || tree->view->all_frames)
		return NULL;
	if (last < tree->chain_length)
		call = tree->chain[last];
	for (size_t i = 0; i < last; i++)
		if (is_own(tree, tree->chain[i]))
			tree->chain[kept++] = tree->chain[i];
	tree->chain_length = kept;
	return call;
}

/* The number of successive frames of one function from index on or, with step -1, up to it. */
static size_t run_at(const struct tree *tree, size_t index, int step)
{
	size_t run = 1, rest = step > 0 ? tree->chain_length - index : index + 1;
	while (run < rest &&
	       ct_name_key(tree->chain[step > 0 ? index + run : index - run]) == ct_name_key(tree->chain[index]))
		run++;
	return run;
}

static char *name_run(const struct tree *tree, size_t index, size_t run, char *out)
{
	ct_name_short(tree->view->profile, tree->chain[index], out);
	if (run > 1)
		sprintf(out + strlen(out), " ×%zu", run);
	return out;
}

static int width_of_run(const struct tree *tree, size_t index, size_t run)
{
	char name[CT_NAME_ROOM + 16];
	return ct_line_width(tree->view->terminal, name_run(tree, index, run, name)) + (int)strlen(" > ");
}

/*
 * Of a chain that is longer than the line, the first function and as many of the last ones as fit are shown; --full
 * shows all. Returns the index of the first one that is shown again, *from that of the first one that is not.
 */
static size_t find_skipped(const struct tree *tree, size_t *from)
{
	int left = ct_line_left(&tree->line), wide = 0;
	size_t count = tree->chain_length, first = count ? run_at(tree, 0, 1) : 0, to = count;
	*from = count;
	for (size_t i = 0, run; i < count && wide <= left; i += run) {
		run = run_at(tree, i, 1);
		wide += width_of_run(tree, i, run);
	}
	if (tree->view->full || wide <= left)
		return count;
	left -= width_of_run(tree, 0, first) + SKIPPED_WIDTH;
	while (to > first) {
		size_t run = run_at(tree, to - 1, -1);
		left -= width_of_run(tree, to - 1, run);
		if (left < 0 && to < count)
			break;
		to -= run;
	}
	*from = first;
	return to;
}

static void put_chain(struct tree *tree, int level, bool has_children, const char *place)
{
	const struct ct_profile *profile = tree->view->profile;
	const struct ct_frame *call = keep_own(tree);
	char name[CT_NAME_ROOM + 16];
	size_t from, to = find_skipped(tree, &from);
	for (size_t i = 0, run; i < tree->chain_length; i += run) {
		if (i == from && from < to) {
			ct_line_style(&tree->line, CT_STYLE_QUIET);
			ct_line_format(&tree->line, "> (%zu more) ", to - from);
			i = to;
		}
		run = run_at(tree, i, 1);
		name_run(tree, i, run, name);
		bool quiet = !tree->view->all_frames && !is_own(tree, tree->chain[i]);
		if (i > 0 && ct_line_width(tree->view->terminal, name) + 3 > ct_line_left(&tree->line))
			break_line(tree, level, has_children);
		if (i > 0 || level == 0) {
			ct_line_style(&tree->line, CT_STYLE_QUIET);
			ct_line_add(&tree->line, "> ");
			ct_line_style(&tree->line, CT_STYLE_PLAIN);
		}
		if (quiet || i + run == tree->chain_length)
			ct_line_style(&tree->line, quiet ? CT_STYLE_QUIET : CT_STYLE_STRONG);
		ct_line_add_rest(&tree->line, name);
		ct_line_style(&tree->line, CT_STYLE_PLAIN);
		if (ct_line_left(&tree->line))
			ct_line_add(&tree->line, " ");
	}
	ct_line_style(&tree->line, CT_STYLE_QUIET);
	ct_line_add_rest(&tree->line, place);
	if (call && ct_line_left(&tree->line) > 8) {
		ct_line_add(&tree->line, *place ? " (" : "(");
		ct_line_add_cut(&tree->line, ct_name_call(profile, call, name), ct_line_left(&tree->line) - 1);
		ct_line_add(&tree->line, ")");
	}
	ct_line_style(&tree->line, CT_STYLE_PLAIN);
	ct_line_end(&tree->line);
}

/*
 * Find where the branch's last function allocates, or its last own function if the chain has one; the line is included
 * only if there is just one.
 */
static void find_place(const struct tree *tree, const struct ct_branch *whole, char out[CT_NAME_ROOM])
{
	struct ct_branch named = *whole, *branch = &named;
	size_t own = tree->chain_length;
	while (own && !is_own(tree, tree->chain[own - 1]))
		own--;
	if (own && !tree->view->all_frames)
		named.depth -= (uint32_t)(tree->chain_length - own);
	const struct ct_frame *first = ct_branch_frame(&tree->branches, branch, branch->start);
	struct ct_frame frame = *first;
	for (size_t i = branch->start; i < branch->end; i++) {
		const struct ct_frame *other = ct_branch_frame(&tree->branches, branch, i);

		if (other->file != first->file || other->line != first->line)
			frame.line = 0;
	}
	ct_name_place(tree->view->profile, &frame, out);
}

static bool add_to_chain(struct tree *tree, const struct ct_branch *branch)
{
	if (!ct_array_room(&tree->chain, &tree->chain_room, tree->chain_length + 1, sizeof(*tree->chain))) {
		tree->line.failed = true;
		return false;
	}
	tree->chain[tree->chain_length++] = ct_branch_frame(&tree->branches, branch, branch->start);
	return true;
}

/* Write a line that is not a function: what a function allocates itself, or the sum of small branches. */
static void put_note(struct tree *tree, const struct ct_counters *counters, int level, const char *note)
{
	ct_layout_numbers(tree->view, &tree->layout, counters, &tree->line);
	add_indent(tree, level, true);
	ct_line_style(&tree->line, CT_STYLE_QUIET);
	ct_line_add_rest(&tree->line, note);
	ct_line_style(&tree->line, CT_STYLE_PLAIN);
	ct_line_end(&tree->line);
}

static void put_branch(struct tree *tree, struct ct_branch branch, int level);

/* Sum up the children that are not shown. Returns their number, or 0 if they are too small to mention. */
static size_t sum_others(const struct tree *tree, const struct ct_branch *children, size_t count, size_t shown,
			 struct ct_counters *others)
{
	memset(others, 0, sizeof(*others));
	for (size_t i = shown; i < count; i++)
		ct_counters_add(others, &children[i].counters);
	return value_of(tree, others) > 0 && value_of(tree, others) >= tree->least ? count - shown : 0;
}

static void put_children(struct tree *tree, const struct ct_branch *children, size_t count, size_t shown, int level)
{
	struct ct_counters others;
	size_t small = sum_others(tree, children, count, shown, &others);
	char note[CT_NUMBER_ROOM * 2], number[CT_NUMBER_ROOM];
	if (level > LEVELS_MAX) {
		tree->last[LEVELS_MAX] = true;
		return;
	}
	for (size_t i = 0; i < shown; i++) {
		tree->last[level] = i + 1 == shown && small == 0;
		if (children[i].key)
			put_branch(tree, children[i], level);
		else
			put_note(tree, &children[i].counters, level, "(itself)");
	}
	if (small == 0)
		return;
	tree->last[level] = true;
	snprintf(note, sizeof(note), "(%s smaller)", ct_number_exact(number, small));
	put_note(tree, &others, level, note);
}

/* Write the numbers, the chain of functions that starts here, then the branches below it. */
static void put_branch(struct tree *tree, struct ct_branch branch, int level)
{
	double value = value_of(tree, &branch.counters);
	struct ct_counters counters = branch.counters;
	struct ct_branch *children;
	size_t count, shown;
	bool leaf;
	char place[CT_NAME_ROOM] = "";
	tree->chain_length = 0;
	for (;;) {
		if (branch.depth > 0 && !add_to_chain(tree, &branch))
			return;
		children = ct_branch_children(&tree->branches, &branch, &count);
		if (!children) {
			tree->line.failed = true;
			return;
		}
		shown = count_shown(tree, children, count);
		if (shown != 1 || children[0].key == 0 || value - value_of(tree, &children[0].counters) > tree->least)
			break;
		branch = children[0];
		free(children);
	}
	/* below it is only what it allocates itself, or nothing that is large enough */
	leaf = shown == 0 || (shown == 1 && children[0].key == 0);
	if (shown == 1 && leaf && branch.depth > 0)
		find_place(tree, &branch, place);
	ct_layout_numbers(tree->view, &tree->layout, &counters, &tree->line);
	add_indent(tree, level, true);
	if (level == 0)
		ct_line_add(&tree->line, "all ");
	put_chain(tree, level, !leaf, place);
	if (!leaf)
		put_children(tree, children, count, shown, level + 1);
	free(children);
}

static void put_tree(struct tree *tree)
{
	const struct ct_profile *profile = tree->view->profile;
	struct ct_branch root = {.end = tree->branches.count, .counters = profile->totals};
	unsigned wanted = 1u << tree->share | 1u << CT_COLUMN_BLOCKS;
	if (ct_view_put_empty(tree->view, &tree->line))
		return;
	if (tree->view->terminal->columns >= WIDE_TERMINAL)
		wanted |= 1u << CT_COLUMN_TOTAL | 1u << CT_COLUMN_PEAK | 1u << CT_COLUMN_END;
	ct_layout_choose(tree->view, wanted, 0, &tree->layout);
	ct_layout_heads(tree->view, &tree->layout, &tree->line);
	ct_line_style(&tree->line, CT_STYLE_HEAD);
	ct_line_add(&tree->line, "CALLS");
	ct_line_style(&tree->line, CT_STYLE_PLAIN);
	ct_line_end(&tree->line);
	put_branch(tree, root, 0);
}

int ct_view_tree(const struct ct_view *view, struct ct_error_text *error)
{
	const struct ct_profile *profile = view->profile;
	struct tree tree = {
		.view = view,
		.share = ct_column_share(view->sort),
	};
	ct_line_init(&tree.line, view->terminal, view->out);
	tree.least = ct_view_whole(view, tree.share) * view->min_percent / 100;
	tree.origins.split_threads = view->split_threads;
	if (ct_origins_update(&tree.origins, profile) == 0 &&
	    ct_branches_init(&tree.branches, profile, &tree.origins, NULL) == 0) {
		tree.branches.sort = tree.share;
		put_tree(&tree);
	} else {
		tree.line.failed = true;
	}
	ct_line_fini(&tree.line);
	ct_origins_fini(&tree.origins);
	ct_branches_fini(&tree.branches);
	free(tree.chain);
	return ct_view_check(&tree.line, error);
}
