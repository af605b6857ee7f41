/* SPDX-License-Identifier: MIT */
/*
 * Sampling: points lie on the stream of a thread's allocated bytes, at distances that are drawn from an
 * exponential distribution (a Poisson process). A block that has a point on it is recorded and stands for 1 / P
 * blocks of its size, P being the chance that it had one: all sums are unbiased. Blocks without a point cost a
 * subtraction here, and their frees a look into a small filter.
 */
#ifndef CT_HOT_SAMPLE_H
#define CT_HOT_SAMPLE_H

#include "hot/state.h"
#include "hot/thread.h"

#define CT_FILTER_CELLS 8192u /* a power of two */

/* By address: how many recorded blocks there may be. A cell at its most stays there. */
extern CT_HIDDEN uint8_t ct_sample_filter[CT_FILTER_CELLS];

static inline uint8_t *ct_sample_cell(uintptr_t address)
{
	return &ct_sample_filter[(address >> 4 ^ address >> 17) & (CT_FILTER_CELLS - 1)];
}

/* No point on the block: it is not to be recorded. Never when all blocks are. hot */
static inline bool ct_sample_skips(size_t bytes)
{
	/* Read once: a signal handler that allocates in between must not make it wrap around. */
	uint64_t left = ct_get_relaxed(&ct_tls.unsampled);
	if (ct_likely(!left))
		return false;
	bytes |= !bytes; /* a block of 0 bytes has a chance, too */
	if (bytes >= left)
		return false;
	ct_set_relaxed(&ct_tls.unsampled, left - bytes);
	return true;
}

/* The block is surely not among the sampled ones. Never when all blocks are recorded. hot */
static inline bool ct_sample_lacks(const void *block)
{
	return ct_unlikely(ct_tracer.sample_bytes != 0) && !ct_get_relaxed(ct_sample_cell((uintptr_t)block));
}

/* From here on only a sample is recorded; 0: everything is. At start. */
CT_COLD void ct_sample_init(uint64_t mean_bytes);

#endif
