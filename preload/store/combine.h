/* SPDX-License-Identifier: MIT */
/*
 * The combiner: whichever thread's ring is full folds the events of all rings, in the order of time, into sites, totals
 * and timeline. What it overwrites is kept, so that a kill in the middle can be undone by the reader.
 */
#ifndef CT_STORE_COMBINE_H
#define CT_STORE_COMBINE_H

#include "ctrace/store.h"
#include "sys/compiler.h"

/* Fold everything that is published by now. Caller holds ct_lock_combine. */
void ct_combine_locked(void);

#endif
