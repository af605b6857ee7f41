/* SPDX-License-Identifier: MIT */
#include "write/massif_tree.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/origin.h"
#include "names/names.h"
#include "util/array.h"

#define DEPTH_MAX 98 /* of a node, since ms_print warns from 100 levels. A node there has all bytes below it */
#define PERCENT 1 /* Massif's --threshold */

/* The rows from `first` to `end`, which share `depth` frames. A node without rows is a summary line. */
struct ct_massif_node {
	uint64_t bytes;
	uint32_t first, end;
	uint32_t depth;
	uint32_t places; /* number of children summed up; 0 without rows: the sites that the profile does not list */
};

static const struct ct_site_row *site_at(const struct ct_massif_tree *tree, uint32_t index)
{
	return &tree->profile->sites[index];
}

static uint32_t depth_of(const struct ct_massif_tree *tree, uint32_t site)
{
	return site_at(tree, site)->frame_count - tree->skip[site];
}

/* The string id of the text of the frame at a depth, 0 = leaf. */
static uint32_t text_at(const struct ct_massif_tree *tree, uint32_t site, uint32_t depth)
{
	uint32_t frame = tree->profile->frame_ids[site_at(tree, site)->first_frame + tree->skip[site] + depth];
	return tree->profile->frames[frame].text;
}

static uint32_t shared(const struct ct_massif_tree *tree, uint32_t a, uint32_t b)
{
	uint32_t x = depth_of(tree, a), y = depth_of(tree, b), depth = 0;
	while (depth < x && depth < y && text_at(tree, a, depth) == text_at(tree, b, depth))
		depth++;
	return depth;
}

static int compare_sites(const void *left, const void *right, void *argument)
{
	const struct ct_massif_tree *tree = argument;
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right, depth = shared(tree, a, b);
	uint32_t x = depth_of(tree, a), y = depth_of(tree, b);
	if (depth < x && depth < y)
		return text_at(tree, a, depth) < text_at(tree, b, depth) ? -1 : 1;
	if (x != y)
		return x < y ? -1 : 1;
	return a < b ? -1 : a > b;
}

int ct_massif_tree_init(struct ct_massif_tree *tree, const struct ct_profile *profile)
{
	size_t count = profile->site_count;
	struct ct_origins origins;
	bool classified = ct_origins_init(&origins, profile, CT_ORIGIN_RULE) == 0;
	*tree = (struct ct_massif_tree){
		.profile = profile,
		.skip = calloc(count + 1, sizeof(uint32_t)),
		.order = calloc(count + 1, sizeof(uint32_t)),
		.common = calloc(count + 1, sizeof(uint32_t)),
		.bytes = calloc(count + 1, sizeof(uint64_t)),
		.rows = calloc(count + 1, sizeof(uint32_t)),
		.row_common = calloc(count + 1, sizeof(uint32_t)),
		.sums = calloc(count + 1, sizeof(uint64_t)),
	};
	bool memory = classified && tree->skip && tree->order && tree->common && tree->bytes && tree->rows &&
		      tree->row_common && tree->sums;
	if (memory) {
		for (size_t i = 0; i < count; i++) {
			tree->skip[i] = ct_origin_leaf(profile, &origins, &profile->sites[i]);
			tree->order[i] = (uint32_t)i;
		}
		qsort_r(tree->order, count, sizeof(*tree->order), compare_sites, tree);
		for (size_t i = 1; i < count; i++)
			tree->common[i] = shared(tree, tree->order[i - 1], tree->order[i]);
	}
	ct_origins_fini(&origins);
	return memory ? 0 : -1;
}

void ct_massif_tree_fini(struct ct_massif_tree *tree)
{
	free(tree->skip);
	free(tree->order);
	free(tree->common);
	free(tree->bytes);
	free(tree->rows);
	free(tree->row_common);
	free(tree->sums);
	free(tree->nodes);
}

static void collect_rows(struct ct_massif_tree *tree)
{
	uint32_t common = 0;
	tree->row_count = 0;
	tree->sums[0] = 0;
	for (size_t i = 0; i < tree->profile->site_count; i++) {
		uint32_t site = tree->order[i];
		size_t row = tree->row_count;
		if (tree->common[i] < common)
			common = tree->common[i];
		if (!tree->bytes[site])
			continue;
		tree->rows[row] = site;
		tree->row_common[row] = common;
		tree->sums[row + 1] = tree->sums[row] + tree->bytes[site];
		tree->row_count++;
		tree->bytes[site] = 0;
		common = UINT32_MAX;
	}
}

static bool is_significant(const struct ct_massif_tree *tree, uint64_t bytes)
{
	uint64_t parts = 100 / PERCENT;
	return bytes && bytes >= tree->total / parts + (tree->total % parts != 0);
}

/* Sort by bytes, the largest last, then by text, so that all exports of a profile are equal. */
static int compare_nodes(const void *left, const void *right, void *argument)
{
	const struct ct_massif_node *a = left, *b = right;
	const struct ct_massif_tree *tree = argument;
	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? -1 : 1;
	if (a->first == a->end || b->first == b->end)
		return a->first == a->end ? -1 : 1;
	const char **strings = tree->profile->strings;
	return -strcmp(strings[text_at(tree, tree->rows[a->first], a->depth - 1)],
		       strings[text_at(tree, tree->rows[b->first], b->depth - 1)]);
}

static bool push(struct ct_massif_tree *tree, struct ct_massif_node node)
{
	if (!ct_array_room(&tree->nodes, &tree->node_room, tree->node_count + 1, sizeof(node)))
		return false;
	tree->nodes[tree->node_count++] = node;
	return true;
}

/* Push the children of a node, the first one last. Returns their number, or < 0 when out of memory. */
static int64_t push_children(struct ct_massif_tree *tree, const struct ct_massif_node *node)
{
	struct ct_massif_node small = {.depth = node->depth + 1};
	uint64_t untold = node->depth ? 0 : tree->total - tree->sums[tree->row_count];
	size_t before = tree->node_count;
	for (uint32_t i = node->first, first; i < node->end && node->depth < DEPTH_MAX;) {
		first = i++;
		if (depth_of(tree, tree->rows[first]) == node->depth)
			continue; /* the row's stack ends here */
		while (i < node->end && tree->row_common[i] > node->depth)
			i++;
		struct ct_massif_node child = {tree->sums[i] - tree->sums[first], first, i, node->depth + 1, 0};
		if (is_significant(tree, child.bytes)) {
			if (!push(tree, child))
				return -1;
		} else {
			small.bytes += child.bytes;
			small.places++;
		}
	}
	if (is_significant(tree, untold)) {
		if (!push(tree, (struct ct_massif_node){.bytes = untold, .depth = 1}))
			return -1;
	} else if (untold) {
		small.bytes += untold;
		small.places++;
	}
	if (small.places && !push(tree, small))
		return -1;
	qsort_r(tree->nodes + before, tree->node_count - before, sizeof(*tree->nodes), compare_nodes, tree);
	return (int64_t)(tree->node_count - before);
}

void ct_massif_put_text(const char *text, FILE *out)
{
	for (; *text; text++)
		putc_unlocked(*text == '#' ? ':' : *text, out);
}

static void put_node(const struct ct_massif_tree *tree, const struct ct_massif_node *node, int64_t children, FILE *out)
{
	fprintf(out, "%*sn%" PRId64 ": %" PRIu64 " ", (int)node->depth, "", children, node->bytes);
	if (!node->depth)
		fputs("(heap allocation functions) malloc/new/new[], --alloc-fns, etc.", out);
	else if (node->places == 1)
		fprintf(out, "in 1 place, below massif's threshold (%d.00%%)", PERCENT);
	else if (node->places)
		fprintf(out, "in %" PRIu32 " places, all below massif's threshold (%d.00%%)", node->places, PERCENT);
	else if (node->first == node->end)
		fputs("(small sites, which the report does not list one by one)", out);
	else
		ct_massif_put_text(tree->profile->strings[text_at(tree, tree->rows[node->first], node->depth - 1)],
				   out);
	putc('\n', out);
}

int ct_massif_tree_put(struct ct_massif_tree *tree, uint64_t total, FILE *out)
{
	collect_rows(tree);
	tree->total = total;
	tree->node_count = 0;
	if (!push(tree, (struct ct_massif_node){.bytes = total, .end = (uint32_t)tree->row_count}))
		return -1;
	while (tree->node_count && !ferror(out)) {
		struct ct_massif_node node = tree->nodes[--tree->node_count];
		int64_t children = node.first < node.end || !node.depth ? push_children(tree, &node) : 0;
		if (children < 0)
			return -1;
		put_node(tree, &node, children, out);
	}
	return 0;
}
