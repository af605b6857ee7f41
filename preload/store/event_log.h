/* SPDX-License-Identifier: MIT */
/*
 * CTRACE_DEBUG=events: writes all folded events to a file, for the tests' slow reference fold. The caller holds
 * ct_lock_combine, or is starting the recording.
 */
#ifndef CT_STORE_EVENT_LOG_H
#define CT_STORE_EVENT_LOG_H

#include "ctrace/store.h"
#include "sys/compiler.h"

/* Create the file OUTPUT.events, add an event, and write out what is buffered. */
CT_COLD void ct_event_log_open(const char *output);
CT_COLD void ct_event_log_add(const struct ct_event *event);
CT_COLD void ct_event_log_flush(void);

#endif
