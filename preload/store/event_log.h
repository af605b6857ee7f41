/* SPDX-License-Identifier: MIT */
/* CTRACE_DEBUG=events: a file of all folded events, for the tests' slow fold. Under ct_lock_combine. */
#ifndef CT_STORE_EVENT_LOG_H
#define CT_STORE_EVENT_LOG_H

#include "ctrace/store.h"
#include "sys/compiler.h"

/* Open the file, which must be new; add an event to it; write out what is buffered. */
CT_COLD void ct_event_log_open(const char *output);
CT_COLD void ct_event_log_add(const struct ct_event *event);
CT_COLD void ct_event_log_flush(void);

#endif
