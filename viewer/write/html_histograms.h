/* SPDX-License-Identifier: MIT */
/*
 * The page's histograms of sites: for each kind, the lowest bucket and the number of buckets of each site, the blocks
 * of all sites back to back, and where each bucket begins, in bytes or nanoseconds. viewer/html/src/histogram.js reads
 * them.
 */
#ifndef CT_WRITE_HTML_HISTOGRAMS_H
#define CT_WRITE_HTML_HISTOGRAMS_H

#include <stdio.h>

#include "model/profile.h"

/* Write the member "histograms", unless the profile has none. order: the sites as the page has them. */
void ct_put_html_histograms(const struct ct_profile *profile, const uint32_t *order, FILE *out);

#endif
