/* SPDX-License-Identifier: MIT */
#ifndef CT_UTIL_WHOLE_H
#define CT_UTIL_WHOLE_H

#include <stdint.h>

/*
 * The whole number nearest to a sum or a rate. What is negative or no number is 0, and what is too large UINT64_MAX: a
 * damaged report has such numbers, and C does not define what a conversion makes of them.
 */
static inline uint64_t ct_whole(double number)
{
	if (!(number > 0))
		return 0;
	return number < 0x1p63 ? (uint64_t)(number + 0.5) : UINT64_MAX;
}

#endif
