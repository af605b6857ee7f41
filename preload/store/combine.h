/* SPDX-License-Identifier: MIT */
#ifndef CT_STORE_COMBINE_H
#define CT_STORE_COMBINE_H

#include "ctrace/store.h"
#include "sys/compiler.h"

/* Fold everything that is published by now. Caller holds ct_lock_combine. */
void ct_combine_locked(void);

/* CTRACE_DEBUG=events: write each folded event to a file beside the report. */
CT_COLD void ct_event_log_open(const char *output);
CT_COLD void ct_event_log_add(const struct ct_event *event);
CT_COLD void ct_event_log_flush(void);

#endif
