/* SPDX-License-Identifier: MIT */
/*
 * Massif's heap trees: bottom-up, the first level are the direct callers of the allocator. Sites are sorted by
 * their stacks, leaf first, once; a node is a range of them, so that no tree is built and nothing recurses.
 * What is below the threshold is summed up per parent.
 */
#ifndef CT_WRITE_MASSIF_TREE_H
#define CT_WRITE_MASSIF_TREE_H

#include <stdio.h>

#include "model/profile.h"

struct ct_massif_node;

struct ct_massif_tree {
	const struct ct_profile *profile;
	uint32_t *skip; /* frames of the allocator itself at the leaf, by site */
	uint32_t *order; /* sites by their stacks */
	uint32_t *common; /* frames that a site of the order shares with the one before */
	uint64_t *bytes; /* the caller's: of the next tree, by site */

	/* Of the tree at hand: the sites that have bytes. */
	uint32_t *rows;
	uint32_t *row_common;
	uint64_t *sums; /* of all rows before */
	size_t row_count;
	uint64_t total;
	struct ct_massif_node *nodes; /* to be written, the next one last */
	size_t node_count, node_room;
};

/* 0, or < 0 without memory. Free with ct_massif_tree_fini, also then. */
int ct_massif_tree_init(struct ct_massif_tree *tree, const struct ct_profile *profile);
void ct_massif_tree_fini(struct ct_massif_tree *tree);

/*
 * Write the tree of tree->bytes, whose sum is at most total: the rest is of sites that the profile does not list.
 * Sets tree->bytes to 0. 0, or < 0 without memory.
 */
int ct_massif_tree_put(struct ct_massif_tree *tree, uint64_t total, FILE *out);

/* Text of the profile; ms_print takes # for the start of a comment. */
void ct_massif_put_text(const char *text, FILE *out);

#endif
