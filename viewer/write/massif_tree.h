/* SPDX-License-Identifier: MIT */
/*
 * Writes Massif's heap trees. They are bottom-up: the first level has the direct callers of the allocator. Sites are
 * sorted once by their stacks, leaf first, and a node is a range of sites. So no tree is built, and nothing recurses.
 * Nodes below the threshold are summed up per parent.
 */
#ifndef CT_WRITE_MASSIF_TREE_H
#define CT_WRITE_MASSIF_TREE_H

#include <stdio.h>

#include "model/profile.h"

struct ct_massif_node;

struct ct_massif_tree {
	const struct ct_profile *profile;
	uint32_t *skip; /* by site: number of allocator frames at the leaf */
	uint32_t *order; /* sites sorted by their stacks */
	uint32_t *common; /* by index in order: number of frames shared with the previous site */
	uint64_t *bytes; /* by site: bytes in the next tree, set by the caller */

	/* The sites that have bytes in the current tree. */
	uint32_t *rows;
	uint32_t *row_common;
	uint64_t *sums; /* by row: bytes of all rows before it */
	size_t row_count;
	uint64_t total;
	struct ct_massif_node *nodes; /* the nodes to write, the next one last */
	size_t node_count, node_room;
};

/* 0, or < 0 when out of memory; call ct_massif_tree_fini in both cases. */
int ct_massif_tree_init(struct ct_massif_tree *tree, const struct ct_profile *profile);
void ct_massif_tree_fini(struct ct_massif_tree *tree);

/*
 * Write the tree of tree->bytes and set tree->bytes to 0. Their sum is at most total; the rest belongs to sites that
 * the profile does not list. 0, or < 0 when out of memory.
 */
int ct_massif_tree_put(struct ct_massif_tree *tree, uint64_t total, FILE *out);

/* Write a text of the profile, without #, which ms_print takes for the start of a comment. */
void ct_massif_put_text(const char *text, FILE *out);

#endif
