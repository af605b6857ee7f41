/* SPDX-License-Identifier: MIT */
/* Size classes: what follows from them agrees with looking at each size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "model/size_class.h"

#define SIZES 100000

/* A class holds its size, grows with it, and the class below ends where it says. */
static void test_classes(void **state)
{
	(void)state;
	for (int i = 0; i < CT_ALLOCATORS; i++) {
		enum ct_allocator allocator = (enum ct_allocator)i;
		uint64_t before = 0, below = 0;
		for (uint64_t size = 1; size < SIZES; size++) {
			uint64_t bytes = ct_class_bytes(allocator, size);
			assert_true(bytes >= size && bytes >= before);
			if (bytes > before)
				below = size - 1;
			assert_int_equal(ct_class_below(allocator, size), below);
			before = bytes;
		}
	}
}

static void test_average_slack(void **state)
{
	(void)state;
	srand(1);
	for (int round = 0; round < 2000; round++) {
		enum ct_allocator allocator = (enum ct_allocator)(round % CT_ALLOCATORS);
		uint64_t low = 1 + (uint64_t)rand() % (UINT64_C(1) << rand() % 18),
			 high = low + (uint64_t)rand() % 3000;
		double sum = 0;
		for (uint64_t size = low; size <= high; size++)
			sum += (double)(ct_class_bytes(allocator, size) - size);
		assert_true(fabs(ct_class_slack(allocator, low, high) - sum / (double)(high - low + 1)) < 1e-6);
	}
}

/* A damaged file may have any size. */
static void test_no_limit(void **state)
{
	(void)state;
	for (int i = 0; i < CT_ALLOCATORS; i++) {
		assert_true(ct_class_bytes((enum ct_allocator)i, UINT64_MAX) > 0);
		assert_true(ct_class_bytes((enum ct_allocator)i, 0) > 0);
		assert_true(isfinite(ct_class_slack((enum ct_allocator)i, 0, UINT64_MAX)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_average_slack),
		cmocka_unit_test(test_no_limit),
	};
	return cmocka_run_group_tests_name("viewer_size_class", tests, NULL, NULL);
}
