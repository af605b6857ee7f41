/* SPDX-License-Identifier: MIT */
/*
 * The combiner: a thread whose ring is full folds the events of all rings, in order of time, into sites, totals and
 * timeline. It keeps what it overwrites, so that a reader can undo a batch that a kill has interrupted.
 */
#ifndef CT_STORE_COMBINE_H
#define CT_STORE_COMBINE_H

#include "ctrace/store.h"
#include "sys/compiler.h"

/* Fold all events published so far. The caller holds ct_lock_combine. */
void ct_combine_locked(void);

/* The same, but only events up to a time, which has passed. */
void ct_combine_until(uint64_t until);

#endif
