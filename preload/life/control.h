/* SPDX-License-Identifier: MIT */
/*
 * The control page from inside: what it asks for is done by the first thread that sees it, under ct_lock_combine, while
 * the others wait. hot/control.h has what the hooks see.
 *
 * A process that sleeps has a page and nothing else: no store, no memory of ours, no thread's state. Its file is
 * removed at the end, or when the process wakes and has a store, whose page takes its place. After fork, the child gets
 * a page of its own at its first event; until then it looks at its parent's, and obeys it in nothing.
 */
#ifndef CT_LIFE_CONTROL_H
#define CT_LIFE_CONTROL_H

#include <sys/types.h>

#include "sys/compiler.h"

struct ct_text;

/* Read CTRACE_MODE and CTRACE_SAMPLE. At start. False: the value is wrong, and unless quiet, a line has said so. */
CT_COLD bool ct_control_init(bool quiet);

/* Does the recording begin asleep? */
CT_COLD bool ct_control_is_asleep(void);

/* Has this process been recorded at any time? A child of fork is if its parent was at the fork. */
CT_COLD bool ct_control_was_on(void);

/* At start, asleep: make the page. Without one, the process sleeps to its end. */
CT_COLD void ct_control_sleep(void);

/* Nothing of this process will be recorded from here to its end: its calls pass as if it slept. No header, or left. */
CT_COLD void ct_control_never(void);

/*
 * The store has just been made, and nothing is recorded yet: begin the first segment, and use the store's page from
 * now on.
 */
CT_COLD void ct_control_begin(void);

/* In a forked child that has made its store: use its page, and record as the parent did at the fork. */
CT_COLD void ct_control_use_store(void);

/* Set or clear a bit of ct_tracer.special. The caller holds ct_lock_combine. */
CT_COLD void ct_control_set(uint32_t special, bool on);

/* In a forked child, before anything else of it runs. */
CT_COLD void ct_control_forked(void);

/* Asleep, the process becomes this user for good: make the user the page's owner. */
CT_COLD void ct_control_give_to(uid_t user);

/* The process ends asleep: remove the page. */
CT_COLD void ct_control_end(void);

/* Asleep, the process forbids itself what waking needs: remove the page, since nothing can be asked of it any more. */
CT_COLD void ct_control_give_up(void);

#endif
