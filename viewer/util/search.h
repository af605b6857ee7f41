/* SPDX-License-Identifier: MIT */
/* Binary search for the range that holds a number. */
#ifndef CT_UTIL_SEARCH_H
#define CT_UTIL_SEARCH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * The number of elements in a sorted array whose start, a uint64_t that is the element's first member, is not above
 * the key. The last of them, if any, is the only one whose range can hold the key.
 */
static inline size_t ct_search_not_above(const void *array, size_t count, size_t element_bytes, uint64_t key)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		uint64_t start;
		memcpy(&start, (const char *)array + middle * element_bytes, sizeof(start));
		if (start <= key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

#endif
