/* SPDX-License-Identifier: MIT */
/* What the little programs share: functions that stay frames of their own, values that stay alive. */
#ifndef SITE_H
#define SITE_H

/* A function that shows in stacks under its own name. */
#ifdef __clang__
#define SITE __attribute__((noinline, used))
#else
#define SITE __attribute__((noinline, noclone, used))
#endif

/* The compiler must take this value for used: no call before it becomes a jump, no block disappears. */
#define KEEP(value) __asm__ volatile("" : : "g"(value) : "memory")

#endif
