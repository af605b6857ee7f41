/* SPDX-License-Identifier: MIT */
/* Counters for the sites' histograms (ctrace/histogram.h), in the section COUNTERS. Under ct_lock_combine. */
#ifndef CT_STORE_HISTOGRAM_H
#define CT_STORE_HISTOGRAM_H

#include <stdbool.h>

#include "ctrace/store.h"
#include "sys/compiler.h"

/*
 * Add an event that ct_fold_event could not add to a histogram. If there is no room for more counters, histograms end
 * for good, and the recording goes on. may_grow: the file is this process's own.
 */
CT_COLD void ct_histogram_take(struct ct_site *site, const struct ct_event *event, bool may_grow);

/* The same for a site that needs a wider histogram for an entry of a slice. False: there are no histograms. */
CT_COLD bool ct_histogram_take_range(struct ct_site *site, struct ct_histogram wider);

/* Before a fork: the child cannot grow the section until it has a file of its own. */
CT_COLD void ct_histogram_make_room(void);

#endif
