/* SPDX-License-Identifier: MIT */
/* Writes the places of a diff's rows for the page: their texts, and where the files are now. */
#ifndef CT_WRITE_PUT_PLACES_H
#define CT_WRITE_PUT_PLACES_H

#include <stdio.h>

#include "model/diff.h"

/*
 * Write the members "place" (texts), "path" (1 + index in paths, 0 = none), "line" and "paths", after a comma. order:
 * the rows' indices in the order of the page. 0, or < 0 when out of memory.
 */
int ct_put_places(const struct ct_diff *diff, const uint32_t *order, const char *folders, FILE *out);

#endif
