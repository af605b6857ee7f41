/* SPDX-License-Identifier: MIT */
/*
 * A lock for cold code: a futex word. Never taken on the hot path.
 *
 * While a thread holds a lock, no signal handler runs in it, except handlers of faults. A handler may fork or jump
 * away, and must not meet a lock that its own thread holds. The fork handlers take all locks, so a child never inherits
 * a lock from a thread that it does not have.
 */
#ifndef CT_SYS_LOCK_H
#define CT_SYS_LOCK_H

#include "sys/compiler.h"

struct ct_lock {
	uint32_t word;
};

CT_COLD void ct_lock_get(struct ct_lock *lock);
CT_COLD void ct_lock_put(struct ct_lock *lock);

/* Take the lock only if it is free. */
CT_COLD bool ct_lock_try(struct ct_lock *lock);

/* Around several short critical sections: signals are blocked and unblocked only once for all of them. */
CT_COLD void ct_lock_begin(void);
CT_COLD void ct_lock_end(void);

/*
 * The calling thread holds all locks and is about to fork. In fork(), the C library takes locks of its own. Another
 * thread may hold one of them while it allocates and waits for one of ours. That thread then takes our locks away from
 * the forking thread, which changes nothing meanwhile. The child's copy is then inconsistent.
 */
CT_COLD void ct_lock_keep_for_fork(void);

/* In the child: were the locks still ours at the fork? */
CT_COLD bool ct_lock_all_kept(void);

/* After the fork, in the parent: put the locks if they are still ours. In the child: free all of them. */
CT_COLD void ct_lock_put_after_fork(bool child);

/*
 * The locks, in the order in which they may be taken together:
 *   thread   the list of threads, and of free rings
 *   combine  rounds, ct_totals, the sites' counters
 *   claim    which events are in which slice; threads that fold take it without waiting
 *   mappings the program's mappings, and their sites' counters
 *   tree     nodes, making sites, modules, batches of free block rows, the arena
 *   store    growth of the file
 *   objects  what is known of loaded objects
 */
extern struct ct_lock ct_lock_thread, ct_lock_combine, ct_lock_claim, ct_lock_mappings, ct_lock_tree, ct_lock_store,
	ct_lock_objects;

#endif
