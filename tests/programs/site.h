/* SPDX-License-Identifier: MIT */
/* Shared by the small programs: functions that keep their own frames, values that stay alive. */
#ifndef SITE_H
#define SITE_H

/* A function that appears in stacks with its own name. */
#ifdef __clang__
#define SITE __attribute__((noinline, used))
#else
#define SITE __attribute__((noinline, noclone, used))
#endif

/* The compiler must assume that this value is used, so no call before it becomes a jump and no block disappears. */
#define KEEP(value) __asm__ volatile("" : : "g"(value) : "memory")

#endif
