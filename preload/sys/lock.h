/* SPDX-License-Identifier: MIT */
/*
 * A lock for cold code: a futex word.
 *
 * While a thread holds one, no signal handler runs in it, except those of faults: a handler may fork (the fork
 * handlers take all locks) or jump away, and neither must meet a lock that its own thread holds. The fork
 * handlers take all of them, so that a child never inherits one from a thread that it does not have.
 */
#ifndef CT_SYS_LOCK_H
#define CT_SYS_LOCK_H

#include "sys/compiler.h"

struct ct_lock {
	uint32_t word;
};

CT_COLD void ct_lock_get(struct ct_lock *lock);
CT_COLD void ct_lock_put(struct ct_lock *lock);

/* Around several short locks: signals are blocked and let in again once for all of them. */
CT_COLD void ct_lock_begin(void);
CT_COLD void ct_lock_end(void);

/*
 * The calling thread has taken all locks and is about to fork. In the C library it then takes locks of which
 * another thread may hold one while it allocates and waits for ours: that thread takes ours away from the
 * forking one, which changes nothing meanwhile. The child's copy is then inconsistent.
 */
CT_COLD void ct_lock_keep_for_fork(void);

/* In the child: they had not been taken away. */
CT_COLD bool ct_lock_all_kept(void);

/* After the fork: put those that this thread still has; in the child all are free from here on. */
CT_COLD void ct_lock_put_after_fork(bool child);

/*
 * The locks, in the order in which they may be taken together. thread: the list of threads and of free
 * rings. combine: rounds, ct_totals, sites' counters. tree: nodes, sites' creation, modules, the pool's
 * batches. store: growth of the file, strings. objects: what /proc/self/maps says about loaded objects.
 */
extern struct ct_lock ct_lock_thread, ct_lock_combine, ct_lock_tree, ct_lock_store, ct_lock_objects;

#endif
