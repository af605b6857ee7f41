/* SPDX-License-Identifier: MIT */
/* The edit distance between two short words, for "did you mean". Pure functions. */
#ifndef CT_UTIL_DISTANCE_H
#define CT_UTIL_DISTANCE_H

#include <stddef.h>

#define CT_DISTANCE_WORD_MAX 31 /* longer words are never alike */
#define CT_DISTANCE_LIKE 2 /* up to this distance, a word is worth suggesting */

/*
 * The number of letters to insert, remove, replace or swap with their neighbour to turn one word into the other. Words
 * with nothing in common, such as "ab" and "xy", have the largest possible distance, CT_DISTANCE_WORD_MAX + 1.
 */
size_t ct_distance(const char *a, const char *b);

/* Finds the candidate nearest to a word; offer it all candidates. best is NULL if none is near enough. */
struct ct_nearest {
	const char *word;
	const char *best;
	size_t distance; /* of best */
};

void ct_nearest_offer(struct ct_nearest *nearest, const char *candidate);

#endif
