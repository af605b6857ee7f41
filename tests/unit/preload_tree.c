/* SPDX-License-Identifier: MIT */
/* The call tree at its limits, and what happens to code that was unloaded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/wait.h>

#include "recording.h"
#include "unwind/objects.h"
#include "sys/options.h"

#define SITES 20u
#define STACKS 60u
#define EPOCHS 1000u
#define NODES (SITES * 8 + 4096) /* as in tree/tree.c */

static uint32_t place_of(uintptr_t address)
{
	uint64_t key = ct_code_key(address, ct_get_relaxed(&ct_tracer.loader_epoch));
	const struct ct_entry *entry = ct_table_find(ct_tracer.code, ct_code_hash(key), key);
	return ct_code_place(entry ? entry->value : ct_code_read(key, address));
}

/* With 52 or 57 bits, code may be above the addresses that fit into a key. It is not taken for the code below. */
static void test_code_above_the_keys(void **state)
{
	(void)state;
	volatile uint32_t epochs = 16;
	uintptr_t near = (uintptr_t)test_code_above_the_keys;
	uint32_t known = place_of(near);
	assert_int_not_equal(known, 0);
	for (uint32_t i = 0; i < epochs; i++) {
		for (unsigned bit = CT_CODE_KEY_BITS; bit < 57; bit++) {
			uint32_t place = place_of(near | (uintptr_t)1 << bit);
			assert_int_not_equal(place, known);
			assert_int_equal(place_of(near | (uintptr_t)1 << bit), place);
		}
		assert_int_equal(place_of(near), known);
		ct_loader_changed();
	}
}

/* If code is read again after each dlclose, the table holds only what was read last. */
static void test_old_code_is_dropped(void **state)
{
	(void)state;
	volatile uint32_t count = EPOCHS;
	for (uint32_t i = 0; i < count; i++) {
		ct_loader_changed();
		allocate(0x10000, 1);
		release(0x10000);
	}
	assert_int_equal(newest_site()->node, ct_tracer.sites[1].node); /* places stay the same */
	combine();
	assert_int_equal(ct_tracer.sites[1].total_blocks, EPOCHS);
	assert_true(ct_tracer.code->mask < 4096);
}

/* Few sites with deep stacks; the previous test made one more. Runs in a child, since it leaves no room for others. */
static void test_nodes_at_the_limit(void **state)
{
	(void)state;
	const struct ct_section *sections = ct_tracer.header->sections;
	pid_t child = fork();
	int status;
	if (!child) {
		recurse(3000, 0x30000);
		recurse(3000, 0x30040); /* from another line, so no frame is the same */
		uint64_t nodes = sections[CT_SECTION_NODES].used, sites = sections[CT_SECTION_SITES].used;
		recurse(3000, 0x30080);
		_exit(nodes != NODES + 1 ? 1 : sections[CT_SECTION_NODES].used != nodes ? 2 : sites != 4 ? 3 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* The previous test made one site. */
static void test_sites_at_the_limit(void **state)
{
	(void)state;
	const struct ct_section *sites = &ct_tracer.header->sections[CT_SECTION_SITES];
	uint64_t nodes = 0;
	volatile uint32_t count = STACKS;
	for (uint32_t depth = 0; depth < count; depth++) {
		recurse(depth, 0x20000 + depth * 64);
		/* Also counted: the first site, number 0 and, from the limit on, [other sites]. */
		assert_int_equal(sites->used, depth + 2 <= SITES ? depth + 3 : SITES + 2);
		if (depth + 1 == SITES)
			nodes = ct_tracer.header->sections[CT_SECTION_NODES].used;
	}
	combine();
	const struct ct_site *other = newest_site();
	const struct ct_node *node = &ct_tracer.nodes[other->node];
	assert_int_equal(node->module, CT_MODULE_PSEUDO);
	assert_int_equal(node->address & CT_PSEUDO_MASK, CT_PSEUDO_OTHER);
	assert_int_equal(node->parent, 0);
	assert_int_equal(other->total_blocks, STACKS - (SITES - 1));
	assert_int_equal(ct_tracer.header->sections[CT_SECTION_NODES].used, nodes);
	for (uint32_t i = 1; i <= SITES; i++)
		assert_int_equal(ct_tracer.sites[i].total_blocks, i == 1 ? EPOCHS : 1);
	for (uint32_t depth = 0; depth < count; depth++)
		release(0x20000 + depth * 64);
	assert_int_equal(totals_now().live_blocks, 0);
}

static int start(void **state)
{
	setenv("CTRACE_MAX_SITES", "20", 1);
	setenv("CTRACE_DEPTH", "4096", 1);
	return recording_start(state) || ct_options.max_sites != SITES;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_code_above_the_keys),
		cmocka_unit_test(test_old_code_is_dropped),
		cmocka_unit_test(test_nodes_at_the_limit),
		cmocka_unit_test(test_sites_at_the_limit),
	};
	return cmocka_run_group_tests_name("preload_tree", tests, start, recording_stop);
}
