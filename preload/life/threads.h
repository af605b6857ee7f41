/* SPDX-License-Identifier: MIT */
/*
 * Threads' states. A state is mapped on a thread's first event and given to a new thread once the kernel says that its
 * owner is gone. The list of states is under ct_lock_thread.
 */
#ifndef CT_LIFE_THREADS_H
#define CT_LIFE_THREADS_H

#include "sys/compiler.h"

struct ct_ring;

/*
 * In a forked child: fold what was published after the latest round. rings: as they were then. The events are
 * still the parent's, which may write over them: what is gone is counted.
 */
CT_COLD void ct_threads_fold_rest(const struct ct_ring *rings);

/* A hook was at work below the signal handler that forked: fold what it has recorded since. */
CT_COLD void ct_threads_fold_interrupted(void);

/* In a forked child: no thread but this one is left, and its ring is the parent's. */
CT_COLD void ct_threads_forked(void);

/*
 * The phase is no longer on: wait until no other thread is within a hook that has seen it on. Then block map and rings
 * say the same of each block. A hook that a signal handler has left for good is waited for in vain, some seconds.
 */
CT_COLD void ct_threads_await_hooks(void);

/* With CTRACE_THREADS: the names as they are now, of the threads that still are. */
CT_COLD void ct_threads_note_names(void);

/* Memory of the threads' states, bytes, estimated. */
CT_COLD uint64_t ct_threads_bytes(void);

#endif
