/* SPDX-License-Identifier: MIT */
/*
 * The states of threads. A state is mapped at a thread's first event, and given to a new thread once the kernel reports
 * that its owner is gone. ct_lock_thread protects the list of states.
 */
#ifndef CT_LIFE_THREADS_H
#define CT_LIFE_THREADS_H

#include "ctrace/store.h"
#include "sys/compiler.h"

/*
 * The *rest* of a fork are the events that other threads publish after the latest round and before the fork. The child
 * finds them in the rings. But there they are the parent's, whose threads write the slots again once the parent has
 * folded them. That needs ct_lock_combine, which the forking thread still holds. So before the parent gives the lock
 * back, it copies the rest to memory that it shares with the child. Neither waits for the other: as long as the parent
 * has not copied the rest, the child finds it in the rings.
 */
struct ct_rest {
	uint32_t rings; /* of which there is room for events */
	uint32_t whole; /* atomic; not 0: all events are copied. The release pairs with the child's acquire */
	struct ct_event events[]; /* in the same places as in the section of events */
};

/* Before a fork, under ct_lock_thread: memory for the rest. NULL: there is no other thread, or no memory. */
CT_COLD struct ct_rest *ct_rest_new(void);

/* After the fork, in the parent, under all locks: copy the rest. rings: a copy of the rings after the latest round. */
CT_COLD void ct_rest_copy(struct ct_rest *rest, const struct ct_ring *rings);

/* In the child: fold the rest. False: some of it is gone, or there is no memory. */
CT_COLD bool ct_rest_fold(const struct ct_rest *rest, const struct ct_ring *rings);

/* On both sides, at last. */
CT_COLD void ct_rest_free(struct ct_rest *rest);

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
