/* SPDX-License-Identifier: MIT */
/*
 * At most N stacks of a profile, for receivers that take no more. The numbers of a stack with little memory are moved
 * to its nearest caller that has enough of them together. So all sums stay, and the largest stacks stay whole.
 */
#ifndef CT_WIRE_SHORTEN_H
#define CT_WIRE_SHORTEN_H

#include "model/profile.h"

struct ct_short_sites {
	struct ct_site_row *rows; /* their frames are the profile's; a row without frames is what no caller has */
	size_t count;
	size_t shortened; /* sites whose numbers are at a caller */
};

/* What a site is worth; 0: it is left out. */
typedef uint64_t ct_site_worth(const struct ct_counters *counters, const void *argument);

/*
 * The profile's sites as at most `most` rows, at least 1. Counters that add up keep the sums of all sites that are not
 * left out; maxima do not. 0, or < 0 when out of memory. Rows are to be freed in both cases.
 */
int ct_shorten_sites(const struct ct_profile *profile, ct_site_worth *worth, const void *argument, size_t most,
		     struct ct_short_sites *sites);

#endif
