/* SPDX-License-Identifier: MIT */
/*
 * Sampling. Points lie on the stream of bytes that a thread allocates, at random distances with an exponential
 * distribution (a Poisson process). A block with a point on it is recorded. It stands for 1 / P blocks of its size,
 * where P is the probability that it has a point. So all sums are unbiased. A block without a point costs a subtraction
 * here, and its free a look into a small filter.
 */
#ifndef CT_HOT_SAMPLE_H
#define CT_HOT_SAMPLE_H

#include "hot/control.h"
#include "hot/state.h"
#include "hot/thread.h"

#define CT_FILTER_CELLS 8192u /* a power of two */

/* By a hash of the address: how many recorded blocks there may be. A cell that reaches its maximum stays there. */
extern CT_HIDDEN uint8_t ct_sample_filter[CT_FILTER_CELLS];

static inline uint8_t *ct_sample_cell(uintptr_t address)
{
	return &ct_sample_filter[(address >> 4 ^ address >> 17) & (CT_FILTER_CELLS - 1)];
}

/* In a sample: true if there is no point on the block, so that it must not be recorded. Hot path. */
static inline bool ct_sample_skips(size_t bytes)
{
	/* Read only once: if a signal handler allocates in between, the subtraction must not wrap around. */
	uint64_t left = ct_get_relaxed(&ct_tls.unsampled);
	if (ct_unlikely(ct_tls.sample !=
			ct_get_relaxed(&ct_tracer.sample))) /* drawn for an earlier segment, or never */
		return false;
	bytes |= !bytes; /* a block of 0 bytes counts as 1: it needs a chance too */
	if (bytes >= left)
		return false;
	ct_set_relaxed(&ct_tls.unsampled, left - bytes);
	return true;
}

/* True: the block is certainly not in the sample. Hot path. */
static inline bool ct_sample_lacks(const void *block)
{
	return !ct_get_relaxed(ct_sample_cell((uintptr_t)block));
}

/*
 * The free of a block need not be looked at: the recording is off, or the block is certainly not in the sample. Always
 * false in a complete recording. Hot path.
 */
static inline bool ct_free_passes(const void *block)
{
	uint32_t word = ct_control_word();
	return ct_unlikely(word != ct_words.exact) &&
	       (word == ct_words.off || (word == ct_words.sample && ct_sample_lacks(block)));
}

/*
 * From here on, only a sample is recorded, in which no block is live yet. mean_bytes: mean distance of the points, not
 * 0. At start, or under ct_lock_combine.
 */
CT_COLD void ct_sample_begin(uint64_t mean_bytes);

#endif
