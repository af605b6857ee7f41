/* SPDX-License-Identifier: MIT */
/* Which word points to which block, and which class the block then gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "reach/reach.h"

enum { FIRST, EMPTY, LAST, BLOCKS };

static struct ct_held held[BLOCKS];
static struct ct_reach reach;

static void start(bool definite)
{
	static const struct ct_held blocks[BLOCKS] = {
		[FIRST] = {.address = 0x1000, .bytes = 100, .class = CT_REACH_LOST},
		[EMPTY] = {.address = 0x2000, .class = CT_REACH_LOST},
		[LAST] = {.address = 0x3000, .bytes = 16, .class = CT_REACH_LOST},
	};
	for (int i = 0; i < BLOCKS; i++)
		held[i] = blocks[i];
	reach = (struct ct_reach){.held = held, .count = BLOCKS, .room = BLOCKS, .definite = definite};
}

/* The class of a block after a word was found. */
static int met(uintptr_t word, int block)
{
	ct_reach_meet(&reach, word);
	return held[block].class;
}

static void test_bounds_of_blocks(void **state)
{
	(void)state;
	start(true);
	assert_int_equal(met(0xfff, FIRST), CT_REACH_LOST);
	assert_int_equal(met(0x1000 + 100, FIRST), CT_REACH_LOST);
	assert_int_equal(met(0x2001, EMPTY), CT_REACH_LOST);
	assert_int_equal(met(0x3000 + 16, LAST), CT_REACH_LOST);
	assert_int_equal(met(UINTPTR_MAX, LAST), CT_REACH_LOST);
	assert_int_equal(met(0, FIRST), CT_REACH_LOST);
	assert_int_equal(reach.listed, 0);
	assert_int_equal(met(0x1000 + 99, FIRST), CT_REACH_POSSIBLE);
	assert_int_equal(met(0x1000, FIRST), CT_REACH_REACHABLE);
	assert_int_equal(met(0x1000 + 99, FIRST), CT_REACH_REACHABLE); /* the class never gets worse */
	assert_int_equal(met(0x2000, EMPTY), CT_REACH_REACHABLE);
	assert_int_equal(held[LAST].class, CT_REACH_LOST);
}

static void test_what_leads_there(void **state)
{
	(void)state;
	start(false); /* from a block that is only possibly reachable itself */
	assert_int_equal(met(0x1000, FIRST), CT_REACH_POSSIBLE);
	start(true);
	reach.leader = FIRST + 1; /* from a lost block */
	assert_int_equal(met(0x1000, FIRST), CT_REACH_LOST); /* to itself */
	assert_int_equal(met(0x3008, LAST), CT_REACH_INDIRECT);
	assert_int_equal(held[EMPTY].class, CT_REACH_LOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds_of_blocks),
		cmocka_unit_test(test_what_leads_there),
	};
	return cmocka_run_group_tests_name("preload_reach", tests, NULL, NULL);
}
