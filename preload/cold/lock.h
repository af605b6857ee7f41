/* SPDX-License-Identifier: MIT */
/*
 * A lock for cold code: a futex word. 0 free, 1 held, 2 held and somebody waits. The fork handlers take
 * all of them, so that a child never inherits one from a thread that it does not have.
 */
#ifndef CT_COLD_LOCK_H
#define CT_COLD_LOCK_H

#include "cold/sys.h"
#include "hot/compiler.h"

struct ct_lock {
	uint32_t word;
};

static inline void ct_lock_get(struct ct_lock *lock)
{
	uint32_t seen = 0;
	if (__atomic_compare_exchange_n(&lock->word, &seen, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE) != 0)
		ct_syscall4(SYS_futex, &lock->word, FUTEX_WAIT_PRIVATE, 2, 0);
}

static inline bool ct_lock_try(struct ct_lock *lock)
{
	uint32_t seen = 0;
	return __atomic_compare_exchange_n(&lock->word, &seen, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void ct_lock_put(struct ct_lock *lock)
{
	if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2)
		ct_syscall3(SYS_futex, &lock->word, FUTEX_WAKE_PRIVATE, 1);
}

/*
 * The locks, in the order in which they may be taken together. thread: the list of threads and of free
 * rings. combine: rounds, ct_totals, sites' counters. tree: nodes, sites' creation, modules, the pool's
 * batches. store: growth of the file, strings. objects: what /proc/self/maps told of loaded objects.
 */
extern struct ct_lock ct_lock_thread, ct_lock_combine, ct_lock_tree, ct_lock_store, ct_lock_objects;

#endif
