/* SPDX-License-Identifier: MIT */
/* Short names for compiler built-ins and attributes, used all over the preload. */
#ifndef CT_SYS_COMPILER_H
#define CT_SYS_COMPILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ct_likely(x) __builtin_expect(!!(x), 1)
#define ct_unlikely(x) __builtin_expect(!!(x), 0)
#define CT_COLD __attribute__((cold, noinline))
#define CT_EXPORT __attribute__((visibility("default")))
#define CT_HIDDEN __attribute__((visibility("hidden"))) /* in declarations: avoids the global offset table */
#define CT_ALIGNED(n) __attribute__((aligned(n)))

#define ct_get_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define ct_get_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define ct_set_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define ct_set_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

/*
 * Who reads the store of a running process sees what was written before this no later than what is written after it. A
 * kill needs no fence: each thread's stores are in the file up to one of them. On x86-64 it costs no instruction.
 * tests/litmus/ has a test for each place where order matters.
 */
#define ct_ordered() __atomic_thread_fence(__ATOMIC_RELEASE)

#endif
