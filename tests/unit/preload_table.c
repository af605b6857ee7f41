/* SPDX-License-Identifier: MIT */
/*
 * The tables of code and nodes must be as good as uniform hashing. The test counts the entries that a look-up reads,
 * for stacks of few places and for addresses in strides. By Knuth, linear probing at a load of a reads
 * (1 + 1 / (1 - a)) / 2 entries for keys in the table and (1 + 1 / (1 - a)^2) / 2 for others. The keys are not random,
 * so the result is not random either.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "hot/table.h"
#include "hot/unwind.h"
#include "sys/arena.h"

#define BITS_MIN 10
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define BITS_MAX 16 /* more bits give the same probes, and take a hundred times as long */
#else
#define BITS_MAX 20
#endif

/* The keys of a table; an entry's value is its index + 1. */
static uint64_t keys[1 << BITS_MAX];
static uint32_t hashes[1 << BITS_MAX]; /* of nodes */
static uint32_t slots[1 << BITS_MAX];
static uint32_t count, wanted;

static void begin(uint32_t number)
{
	count = 0;
	wanted = number;
}

static uint32_t add_node(uint32_t parent_id, uint32_t parent_hash, uint32_t place)
{
	if (count == wanted)
		return 0;
	keys[count] = ct_tree_key(parent_id, place);
	hashes[count] = ct_hash_below(parent_hash, place);
	slots[count] = ct_hash_slot(hashes[count]);
	return hashes[count++];
}

static void add_code(uintptr_t address, uint32_t epoch)
{
	if (count == wanted)
		return;
	keys[count] = ct_code_key(address, epoch);
	slots[count] = ct_code_hash(keys[count]);
	count++;
}

static uint32_t slot_of(const struct ct_entry *entry)
{
	return slots[entry->value - 1];
}

static struct ct_table *table_of_keys(void)
{
	struct ct_table *table;
	assert_true(ct_table_init(&table));
	for (uint32_t i = 0; i < count; i++)
		assert_true(ct_table_add(&table, (struct ct_entry){keys[i], i + 1}, 0, slot_of));
	return table;
}

static void check_found(const struct ct_table *table, const char *shape)
{
	double load = (double)table->used / (table->mask + 1.0);
	double noise = 1.05 + 8 / sqrt(count);
	uint64_t probes = 0;
	uint32_t most = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct ct_entry *entry = ct_table_find((struct ct_table *)table, slots[i], keys[i]);
		assert_non_null(entry);
		assert_int_equal(entry->value, i + 1);
		uint32_t far = (((uint32_t)(entry - table->entries) - slots[i]) & table->mask) + 1;
		most = far > most ? far : most;
		probes += far;
	}
	double average = (double)probes / count;
	double uniform = (1 + 1 / (1 - load)) / 2;
	if (average > uniform * noise || most > 10 * log2(table->mask + 1.0))
		fail_msg("%s, %u keys: %.2f entries read, at most %u; uniform hashing reads %.2f", shape, count,
			 average, most, uniform);
}

/* Look-ups from each slot on, as for uniform keys that are not in the table. */
static void check_not_found(const struct ct_table *table, const char *shape)
{
	double load = (double)table->used / (table->mask + 1.0);
	uint32_t empty = 0, run = 0, most = 0;
	uint64_t probes = 0;
	while (table->entries[empty].key)
		empty++;
	for (uint32_t i = 0; i <= table->mask; i++) {
		run = table->entries[(empty - i) & table->mask].key ? run + 1 : 0;
		most = run > most ? run : most;
		probes += run + 1;
	}
	double average = (double)probes / (table->mask + 1.0);
	double uniform = (1 + 1 / ((1 - load) * (1 - load))) / 2;
	if (average > uniform * (1.15 + 16 / sqrt(count)) || most > 16 * log2(table->mask + 1.0))
		fail_msg("%s, %u keys: %.2f entries read for one that is not there, at most %u; uniform: %.2f", shape,
			 count, average, most, uniform);
}

static void check(const char *shape)
{
	assert_int_equal(count, wanted);
	struct ct_table *table = table_of_keys();
	check_found(table, shape);
	check_not_found(table, shape);
	ct_arena_free(table, sizeof(*table) + (table->mask + 1ull) * sizeof(struct ct_entry));
}

/* All stacks of these places, shortest first. Each node's number is its parent's id times the stride. */
static void add_combinations(uint32_t places, uint32_t place_stride, uint32_t id_stride)
{
	add_node(0, 0, 1);
	for (uint32_t i = 0; count < wanted; i++)
		for (uint32_t place = 0; place < places; place++)
			add_node((i + 1) * id_stride, hashes[i], 1 + place * place_stride);
}

/* Stacks of `depth` frames, in which `places` places call each other in turns. */
static void add_recursions(uint32_t places, uint32_t depth)
{
	for (uint32_t first = 100; count < wanted; first++) {
		uint32_t hash = add_node(0, 0, first);
		for (uint32_t i = 0; i < depth && count < wanted; i++)
			hash = add_node(count, hash, 1 + i % places);
	}
}

/* One frame calls from `width` places, and the last of these calls does the same. */
static void add_fans(uint32_t width, uint32_t stride)
{
	uint32_t hash = add_node(0, 0, 1);
	while (count < wanted) {
		uint32_t id = count;
		uint32_t last = hash;
		for (uint32_t i = 0; i < width && count < wanted; i++)
			last = add_node(id, hash, 1 + i * stride);
		hash = last;
	}
}

/* The bits of a number are calls to the left or right: all stacks of one depth in order. */
static void add_numbers(uint32_t depth)
{
	uint32_t path[32] = {0};
	for (uint32_t number = 0; count < wanted; number++) {
		uint32_t from = number ? depth - (uint32_t)__builtin_ctz(number) - 1 : 0;
		for (uint32_t i = from; i < depth && count < wanted; i++)
			path[i] = add_node(count, i ? path[i - 1] : 0, 1 + (number >> (depth - 1 - i) & 1));
	}
}

static void check_nodes(uint32_t number)
{
	for (uint32_t places = 1; places <= 16; places++) {
		begin(number);
		add_combinations(places, 1, 1);
		check("all stacks of few places");
	}
	for (uint32_t stride = 2; stride <= 1u << 20; stride *= 8) {
		begin(number);
		add_combinations(16, stride, 1);
		check("all stacks of few places in strides");
		if ((uint64_t)stride * number > UINT32_MAX)
			continue;
		begin(number);
		add_combinations(3, 1, stride);
		check("parents in strides");
	}
	for (uint32_t places = 1; places <= 3; places++)
		for (uint32_t depth = 1; depth < CT_STACK_FRAMES; depth *= 16) {
			begin(number);
			add_recursions(places, depth);
			check("recursions");
		}
	for (uint32_t width = 1; width <= 1u << 16; width *= 16) {
		begin(number);
		add_fans(width, 1);
		check("fans");
		begin(number);
		add_fans(width, 64);
		check("fans of places in strides");
	}
	begin(number);
	add_numbers(24);
	check("the bits of numbers");
}

static void check_code(uint32_t number, uint32_t modules_most, uint32_t epochs)
{
	static const uint64_t strides[] = {1,      2, 3, 5, 16, 24, 64, 4096, 5000, 1 << 16, 1 << 20, (1 << 20) + 16,
					   1 << 24};
	for (size_t i = 0; i < sizeof(strides) / sizeof(strides[0]); i++)
		for (uint32_t modules = 1; modules <= modules_most; modules *= 4)
			for (uint32_t epoch = 0; epoch < epochs; epoch++) {
				begin(number);
				for (uint32_t at = 0; count < wanted; at++)
					for (uint32_t module = 0; module < modules; module++)
						add_code(0x7f0000000000 + module * 37 * 0x200000ull - module * 0x123 +
								 at * strides[i],
							 epoch);
				check("addresses in strides");
			}
}

/* The maximum number of entries in a table of 2^bits. */
static uint32_t fullest(uint32_t bits)
{
	uint32_t mask = (1u << bits) - 1;
	return mask / 2 + mask / 8;
}

static void test_nodes(void **state)
{
	(void)state;
	for (uint32_t bits = BITS_MIN; bits <= BITS_MAX; bits += 5)
		check_nodes(fullest(bits));
}

static void test_code(void **state)
{
	(void)state;
	for (uint32_t bits = BITS_MIN; bits <= 16; bits += 3)
		check_code(fullest(bits), 64, 3);
	check_code(fullest(BITS_MAX), 1, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_code),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
