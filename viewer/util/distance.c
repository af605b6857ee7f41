/* SPDX-License-Identifier: MIT */
#include "util/distance.h"

#include <string.h>

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t ct_distance(const char *a, const char *b)
{
	size_t rows[3][CT_DISTANCE_WORD_MAX + 1], length_a = strlen(a), length_b = strlen(b);
	size_t *two_up = rows[0], *up = rows[1], *row = rows[2];
	if (length_a > CT_DISTANCE_WORD_MAX || length_b > CT_DISTANCE_WORD_MAX)
		return CT_DISTANCE_WORD_MAX + 1;
	for (size_t j = 0; j <= length_b; j++)
		up[j] = j;
	for (size_t i = 1; i <= length_a; i++) {
		row[0] = i;
		for (size_t j = 1; j <= length_b; j++) {
			row[j] = least(least(up[j], row[j - 1]) + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], two_up[j - 2] + 1);
		}
		size_t *oldest = two_up;
		two_up = up;
		up = row;
		row = oldest;
	}
	/* Words with nothing in common are not alike: "ab" and "xy". */
	return up[length_b] < least(length_a, length_b) ? up[length_b] : CT_DISTANCE_WORD_MAX + 1;
}

void ct_nearest_offer(struct ct_nearest *nearest, const char *candidate)
{
	size_t distance = ct_distance(nearest->word, candidate);
	if (distance > CT_DISTANCE_LIKE || (nearest->best && distance >= nearest->distance))
		return;
	nearest->best = candidate;
	nearest->distance = distance;
}
