/* SPDX-License-Identifier: MIT */
/* Makes one of equal elements of an array. */
#ifndef CT_UTIL_JOIN_H
#define CT_UTIL_JOIN_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/*
 * Sort the array, and join those elements that compare as equal: add(to, from) adds an element to the first of them,
 * and frees what it owns. Returns how many are left.
 */
static inline size_t ct_join(void *array, size_t count, size_t element_bytes,
			     int (*compare)(const void *left, const void *right), void (*add)(void *to, void *from))
{
	char *elements = array;
	size_t kept = 0;
	if (count)
		qsort(array, count, element_bytes, compare);
	for (size_t i = 0; i < count; i++) {
		char *element = elements + i * element_bytes, *end = elements + kept * element_bytes;
		if (kept && !compare(end - element_bytes, element))
			add(end - element_bytes, element);
		else if (kept++ < i)
			memcpy(end, element, element_bytes);
	}
	return kept;
}

#endif
