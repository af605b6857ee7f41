/* SPDX-License-Identifier: MIT */
/*
 * Snapshots: at some moments of the run, what was live is written out by site. There are eight for each doubling of the
 * run time, and at most 64 partial ones, which have only the largest sites.
 */
#ifndef CT_STORE_SNAPSHOT_H
#define CT_STORE_SNAPSHOT_H

#include "sys/compiler.h"

/* An event of this time is about to be folded: take a snapshot if one is due. The caller holds ct_lock_combine. */
CT_COLD void ct_snapshot_at(uint64_t ticks);

/* A segment begins: it has no snapshots yet. The caller holds ct_lock_combine. */
CT_COLD void ct_snapshot_restart(void);

#endif
