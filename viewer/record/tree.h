/* SPDX-License-Identifier: MIT */
/*
 * The images of a recording's processes whose stores are ours to export, and what is done with each. The largest is the
 * one that matters: its report gets the name that the user gave. Images that allocate little get no report: those whose
 * total and peak are below 1 % of the largest total and peak, or below 10 % for a shell.
 */
#ifndef CT_RECORD_TREE_H
#define CT_RECORD_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/together.h"
#include "record/left_store.h"
#include "util/error.h"
#include "util/glob.h"

struct ct_tree_image {
	char *store; /* its path */
	char *output; /* the report that it wanted */
	char *program; /* the last component of its path */
	char *formats; /* its own CTRACE_FORMAT; NULL: the recording's */
	uint32_t pid;
	struct ct_life life; /* in ns of CLOCK_MONOTONIC */
	dev_t device; /* of the store, as are the next two */
	ino_t inode;
	uint64_t file_bytes;
	uint64_t total_bytes, peak_bytes;
	bool kept; /* its store stays */
	bool read; /* the numbers are known; false: the store is damaged */
	bool chosen; /* gets a report */
};

struct ct_tree {
	struct ct_tree_image *images;
	size_t count, room;
	/* of ct_tree_choose */
	size_t chosen; /* how many */
	struct ct_together together;
};

/* Is this store among the images? */
bool ct_tree_has(const struct ct_tree *tree, const struct ct_left_store *left);

/* Add an image. formats may be NULL. 0 or < 0. */
int ct_tree_add(struct ct_tree *tree, const char *store, const struct ct_left_store *left, const char *formats);

/*
 * Read all stores, sort the images, the largest first, and choose those that get a report: those that are not small, or
 * if `only` has globs, those that it matches; never those that `skip` matches. Without globs, one image alone is not
 * read.
 */
int ct_tree_choose(struct ct_tree *tree, const struct ct_globs *only, const struct ct_globs *skip);

/* "bash 33, env 20, basename": the programs of the images that were not chosen, the most frequent first. */
void ct_tree_name_others(const struct ct_tree *tree, char *text, size_t room);

void ct_tree_fini(struct ct_tree *tree);

#endif
