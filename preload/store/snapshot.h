/* SPDX-License-Identifier: MIT */
/* What was live by site, written out at some moments of the run; a doubling of the run time leaves eight of them. */
#ifndef CT_STORE_SNAPSHOT_H
#define CT_STORE_SNAPSHOT_H

#include "sys/compiler.h"

/* An event of this time is about to be folded: take a snapshot if one is due. Caller holds ct_lock_combine. */
CT_COLD void ct_snapshot_at(uint64_t ticks);

#endif
