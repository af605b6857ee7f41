/* SPDX-License-Identifier: MIT */
/* The arithmetic of sampling (chances, weights, distances), compared with the C library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "hot/sample.h"
#include "hot/slow.h"

static void test_estimate_is_one_over_the_chance(void **state)
{
	static const uint64_t sizes[] = {1,      7,          16,         100,        1000,      4096,
					 100000, 1ull << 20, 1ull << 27, 1ull << 33, 1ull << 39};
	static const uint64_t means[] = {1, 2, 3, 512, 4096, 524288, 1ull << 27};
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t j = 0; j < sizeof(means) / sizeof(means[0]); j++) {
			ct_tracer.sample_bytes = means[j];
			double chance = -expm1(-(double)sizes[i] / (double)means[j]);
			double blocks = 0;
			for (uint64_t birth = 1; birth <= 4096; birth++) {
				struct ct_estimate estimate = ct_sample_estimate(sizes[i], birth);
				struct ct_estimate again = ct_sample_estimate(sizes[i], birth);
				assert_int_equal(estimate.more_blocks, again.more_blocks);
				assert_true(fabs((double)estimate.bytes * chance - (double)sizes[i]) <=
					    1 + (double)sizes[i] * 1e-9);
				blocks += 1.0 + estimate.more_blocks;
			}
			assert_true(fabs(blocks / 4096 * chance - 1) < 0.01);
		}
}

/* How often a block is sampled, and what the sampled blocks add up to. */
static void test_chance_of_a_block(void **state)
{
	static const uint64_t sizes[] = {0, 1, 100, 1000, 5000};
	(void)state;
	struct ct_thread *thread = calloc(1, sizeof(*thread));
	ct_tracer.sample_bytes = 1000;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		double tries = 400000, taken = 0;
		uint64_t bytes = sizes[i] ? sizes[i] : 1;
		double chance = -expm1(-(double)bytes / 1000);
		ct_tracer.sample++; /* a new sample: the first distance is drawn */
		ct_tls.unsampled = 0;
		for (double n = 0; n < tries; n++)
			taken += !ct_sample_skips(sizes[i]) && ct_sample_takes(thread, sizes[i]);
		double error = sqrt(tries * chance * (1 - chance));
		assert_true(fabs(taken - tries * chance) < 6 * error + 1);
	}
	ct_tls.unsampled = 0;
	ct_tracer.sample_bytes = 0;
	free(thread);
}

static void test_filter(void **state)
{
	(void)state;
	ct_tracer.sample_bytes = 1000;
	assert_true(ct_sample_lacks((void *)0x7000));
	for (int i = 0; i < 300; i++) {
		ct_sample_note(0x7000, true);
		assert_false(ct_sample_lacks((void *)0x7000));
	}
	ct_sample_note(0x9000, true);
	ct_sample_note(0x9000, false);
	assert_true(ct_sample_lacks((void *)0x9000));
	ct_sample_note(0x9000, false); /* never below 0 */
	assert_true(ct_sample_lacks((void *)0x9000));
	for (int i = 0; i < 300; i++)
		ct_sample_note(0x7000, false);
	assert_false(ct_sample_lacks((void *)0x7000)); /* the counter had overflowed, so the answer must be no */
	ct_tracer.sample_bytes = 0;
	/* Which frees pass through is decided by the request's number. */
	const struct ct_words before = ct_words;
	ct_words = (struct ct_words){.exact = ct_control_word(), .off = CT_WORD_NEVER, .sample = CT_WORD_NEVER};
	assert_false(ct_free_passes((void *)0x9000));
	ct_words = (struct ct_words){CT_WORD_NEVER, .off = CT_WORD_NEVER, .sample = ct_control_word()};
	assert_true(ct_free_passes((void *)0x9000));
	assert_false(ct_free_passes((void *)0x7000));
	ct_words = (struct ct_words){CT_WORD_NEVER, .off = ct_control_word(), .sample = CT_WORD_NEVER};
	assert_true(ct_free_passes((void *)0x7000));
	ct_words = before;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_estimate_is_one_over_the_chance),
		cmocka_unit_test(test_chance_of_a_block),
		cmocka_unit_test(test_filter),
	};
	return cmocka_run_group_tests_name("preload_sample", tests, NULL, NULL);
}
