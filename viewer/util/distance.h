/* SPDX-License-Identifier: MIT */
/* How unlike two short words are, for "did you mean". Pure. */
#ifndef CT_UTIL_DISTANCE_H
#define CT_UTIL_DISTANCE_H

#include <stddef.h>

#define CT_DISTANCE_WORD_MAX 31 /* longer words are like no other */
#define CT_DISTANCE_LIKE 2 /* up to here two words are worth a hint */

/*
 * Letters to insert, remove, replace or swap with their neighbour to turn one word into the other. Words with nothing
 * in common, such as "ab" and "xy", are as unlike as words can be.
 */
size_t ct_distance(const char *a, const char *b);

/* The candidate that is most like a word: offer all of them. best: NULL = none is like it. */
struct ct_nearest {
	const char *word;
	const char *best;
	size_t distance; /* of best */
};

void ct_nearest_offer(struct ct_nearest *nearest, const char *candidate);

#endif
