/* SPDX-License-Identifier: MIT */
/* What a store says of its process's life: from when to when it ran, and what was live in between. */
#ifndef CT_LOAD_STORE_STORE_LIFE_H
#define CT_LOAD_STORE_STORE_LIFE_H

#include "load/store/store_file.h"
#include "model/together.h"

/*
 * Fill in life, with times of CLOCK_MONOTONIC in ns. A forked child has a copy of its parent's timeline: only what
 * comes after the fork is its own. 0, or < 0 when out of memory.
 */
int ct_store_life(const struct ct_store_file *store, struct ct_life *life);

#endif
