/* SPDX-License-Identifier: MIT */
/* The arithmetic of sampling, in fixed point, because the library uses no floating-point registers. */
#include "hot/sample.h"

#include "hot/journal.h"
#include "hot/slow.h"

#define ONE ((uint64_t)1 << 62) /* 1.0 in fixed point; numbers are below 4 */
#define LN2_32 2977044472u /* ln 2 * 2^32 */
#define LARGE 40u /* exp(-40) is negligible beside 1 */

uint8_t ct_sample_filter[CT_FILTER_CELLS];

static uint64_t multiply(uint64_t a, uint64_t b)
{
	return (uint64_t)((unsigned __int128)a * b >> 62);
}

/* -log2(number / 2^64) with 32 fractional bits; number is not 0. Squaring yields one bit at a time. */
static uint64_t minus_log2(uint64_t number)
{
	uint32_t zeros = (uint32_t)__builtin_clzll(number);
	uint64_t rest = number << zeros; /* in [1, 2), as 2^63 to 2^64 */
	uint64_t fraction = 0;
	for (int i = 31; i >= 0; i--) {
		unsigned __int128 square = (unsigned __int128)rest * rest;
		bool above = square >> 127;
		rest = (uint64_t)(square >> (above ? 64 : 63));
		fraction |= (uint64_t)above << i;
	}
	return ((uint64_t)(zeros + 1) << 32) - fraction;
}

/* xorshift64*: its high bits are random enough for a thread's points. */
static uint64_t draw(struct ct_thread *thread)
{
	if (!thread->random)
		thread->random = (ct_ticks() ^ (uintptr_t)thread << 20 ^ thread->tid) | 1;
	thread->random ^= thread->random >> 12;
	thread->random ^= thread->random << 25;
	thread->random ^= thread->random >> 27;
	return thread->random * 0x2545f4914f6cdd1dull;
}

/* Bytes to the next point: -ln(U) * mean, where U is uniform; at least 1. */
static uint64_t distance(struct ct_thread *thread)
{
	uint64_t log = minus_log2(draw(thread) | 1);
	return (uint64_t)((unsigned __int128)ct_tracer.sample_bytes * log * LN2_32 >> 64) + 1;
}

bool ct_sample_takes(struct ct_thread *thread, size_t bytes)
{
	bytes |= !bytes;
	if (ct_tls.sample != ct_tracer.sample) { /* the thread's first allocation in this sample */
		ct_tls.sample = ct_tracer.sample;
		ct_tls.unsampled = distance(thread);
		if (bytes < ct_tls.unsampled) {
			ct_tls.unsampled -= bytes;
			return false;
		}
	}
	ct_tls.unsampled = distance(thread);
	return true;
}

/* 1 - exp(-bytes / mean), in units of ONE. Halve the argument until it is below 1 / 2, sum the series, and square. */
static uint64_t chance(uint64_t bytes)
{
	uint64_t mean = ct_tracer.sample_bytes;
	if (!mean || bytes / mean >= LARGE) /* 0: the sample ends at this moment */
		return ONE;
	uint32_t halvings = 0;
	while (bytes >> halvings >= mean / 2 && halvings < 8)
		halvings++;
	uint64_t x = (uint64_t)(((unsigned __int128)bytes << (62 - halvings)) / mean);
	uint64_t missed = 0; /* 1 - exp(-x) = x - x^2 / 2! + x^3 / 3! ... */
	uint64_t term = x;
	for (uint32_t n = 2; term; n++) {
		missed = n & 1 ? missed - term : missed + term;
		term = multiply(term, x) / n;
	}
	while (halvings--) /* 1 - q^2 = (1 - q) (2 - (1 - q)) */
		missed = multiply(missed, 2 * ONE - missed);
	return missed;
}

struct ct_estimate ct_sample_estimate(uint64_t bytes, uint64_t birth)
{
	uint64_t size = bytes | !bytes;
	uint64_t p = chance(size);
	/*
	 * Blocks are whole: round up as often as the fraction says, and do so for the free of a block as for its
	 * allocation.
	 */
	uint64_t weight = (uint64_t)(((unsigned __int128)ONE << 32) / p);
	uint32_t dice = (uint32_t)((birth * 0x9e3779b97f4a7c15ull) >> 32);
	uint64_t blocks = (weight >> 32) + (dice < (uint32_t)weight);
	return (struct ct_estimate){
		.bytes = (uint64_t)((((unsigned __int128)bytes << 62) + p / 2) / p),
		.more_blocks = (uint32_t)blocks - 1,
	};
}

void ct_sample_note(uintptr_t address, bool live)
{
	uint8_t *cell = ct_sample_cell(address);
	uint8_t count = ct_get_relaxed(cell);
	while (count != UINT8_MAX && (live || count) &&
	       !__atomic_compare_exchange_n(cell, &count, (uint8_t)(live ? count + 1 : count - 1), true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

void ct_sample_begin(uint64_t mean_bytes)
{
	__builtin_memset(ct_sample_filter, 0, sizeof(ct_sample_filter));
	ct_tracer.sample_bytes = mean_bytes;
	ct_tracer.partial = true;
	ct_set_relaxed(&ct_tracer.sample, ct_tracer.sample + 1);
}
