/* SPDX-License-Identifier: MIT */
/*
 * The states of threads. A state is mapped at a thread's first event, and given to a new thread once the kernel reports
 * that its owner is gone. ct_lock_thread protects the list of states.
 */
#ifndef CT_LIFE_THREADS_H
#define CT_LIFE_THREADS_H

#include "sys/compiler.h"

struct ct_ring;

/*
 * In a forked child: fold the events published after the latest round. rings: a copy of the rings as they were then.
 * The events themselves are still the parent's, which may overwrite them. If some are gone, all of them count as
 * dropped.
 */
CT_COLD void ct_threads_fold_rest(const struct ct_ring *rings);

/* In a forked child whose signal handler forked while a hook was at work: fold what that hook has recorded since. */
CT_COLD void ct_threads_fold_interrupted(void);

/* In a forked child: no other thread is left, and this thread's ring is the parent's. */
CT_COLD void ct_threads_forked(void);

/*
 * The phase is no longer "on": wait until no other thread is inside a hook that has seen it on. From then on the block
 * map and the rings agree about every block. If a signal handler has left a hook for good, the wait is in vain and ends
 * after some seconds.
 */
CT_COLD void ct_threads_await_hooks(void);

/* With CTRACE_THREADS: note the present names of the threads that still exist. */
CT_COLD void ct_threads_note_names(void);

/* An estimate of the memory of the threads' states, bytes. */
CT_COLD uint64_t ct_threads_bytes(void);

#endif
