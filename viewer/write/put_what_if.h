/* SPDX-License-Identifier: MIT */
/* Writes what model/what_if.h has found out, as JSON. */
#ifndef CT_WRITE_PUT_WHAT_IF_H
#define CT_WRITE_PUT_WHAT_IF_H

#include <stdio.h>

#include "model/what_if.h"

#define CT_WHAT_IF_VERSION 1 /* of these members, in the page and in what ctrace advise --what-if prints */

/*
 * Write the members "peakBytes" to "smallerSizes", after a comma, with this many rows at most. place: by site of the
 * profile, its index in the page, for a member "site" of each row; NULL: without it.
 */
void ct_put_what_if(const struct ct_profile *profile, const struct ct_what_if *what_if, size_t rows,
		    const uint32_t *place, FILE *out);

/* For the page: the member "whatIf", after a comma, unless the profile does not know its peak. */
void ct_put_what_if_of(const struct ct_profile *profile, const uint32_t *place, FILE *out);

#endif
