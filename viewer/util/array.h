/* SPDX-License-Identifier: MIT */
/* A growing array, kept in three variables of the caller: the elements, their count and their room. */
#ifndef CT_UTIL_ARRAY_H
#define CT_UTIL_ARRAY_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * Make room for `wanted` elements in *(element **)array, which has room for *room; it grows by doubling. False: out of
 * memory, and nothing has changed.
 */
static inline bool ct_array_room(void *array, size_t *room, size_t wanted, size_t element_bytes)
{
	void *old;
	if (wanted <= *room)
		return true;
	size_t larger = *room ? *room * 2 : 16;
	if (larger < wanted)
		larger = wanted;
	memcpy(&old, array, sizeof(old));
	void *moved = reallocarray(old, larger, element_bytes);
	if (!moved)
		return false;
	memcpy(array, &moved, sizeof(moved));
	*room = larger;
	return true;
}

#endif
