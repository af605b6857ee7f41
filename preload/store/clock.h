/* SPDX-License-Identifier: MIT */
/* The recording's clock: ticks since start. */
#ifndef CT_STORE_CLOCK_H
#define CT_STORE_CLOCK_H

#include "ctrace/store.h"
#include "sys/compiler.h"

/* Choose the clock and note both clocks' start in the header. */
CT_COLD void ct_clock_init(struct ct_store_header *header);

CT_COLD uint64_t ct_unix_ns(void);

/* Note both clocks again: a reader knows their ratio from the two notes. */
CT_COLD void ct_clock_note(struct ct_store_header *header);

#endif
