/* SPDX-License-Identifier: MIT */
/*
 * The recording's clock. A tick is one count of the TSC if that is invariant, else a nanosecond. Ticks count from the
 * start; ct_ticks in hot/journal.h reads them.
 */
#ifndef CT_STORE_CLOCK_H
#define CT_STORE_CLOCK_H

#include "ctrace/store.h"
#include "sys/compiler.h"

/* At start: choose the clock, and note it and CLOCK_MONOTONIC in the header. counter: it may be the processor's. */
CT_COLD void ct_clock_init(struct ct_store_header *header, bool counter);

/* CLOCK_REALTIME, nanoseconds. Any thread. */
CT_COLD uint64_t ct_unix_ns(void);

/*
 * Note both clocks again: the two notes give a reader the length of a tick. The caller holds ct_lock_combine, or the
 * program is ending.
 */
CT_COLD void ct_clock_note(struct ct_store_header *header);

#endif
