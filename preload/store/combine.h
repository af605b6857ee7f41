/* SPDX-License-Identifier: MIT */
/*
 * The combiner folds slices (slice.h) in their order, and the events of each in order of time, into sites, totals and
 * timeline. It keeps what it overwrites, so that a reader can undo a batch that a kill has interrupted. The caller
 * holds ct_lock_combine.
 */
#ifndef CT_STORE_COMBINE_H
#define CT_STORE_COMBINE_H

#include "ctrace/store.h"
#include "sys/compiler.h"

/* Fold all events published so far. */
void ct_combine_locked(void);

/* The same, but only events up to a time, which has passed. The caller holds ct_lock_claim too. */
void ct_combine_until(uint64_t until);

/* Fold the slices that are ready, until one is not. */
void ct_combine_ready(void);

#endif
