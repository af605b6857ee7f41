/* SPDX-License-Identifier: MIT */
#ifndef CT_UTIL_CLOCK_H
#define CT_UTIL_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds of a clock. */
static inline uint64_t ct_clock_ns(clockid_t clock)
{
	struct timespec now = {0, 0};
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t ct_now_ns(void)
{
	return ct_clock_ns(CLOCK_MONOTONIC);
}

#endif
