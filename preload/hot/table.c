/* SPDX-License-Identifier: MIT */
#include "hot/table.h"

#include "sys/arena.h"

#define FIRST_ENTRIES 256u /* a power of two; a small program needs no more */
#define SIZES 32

/*
 * Replaced tables, zeroed, by log2 of their size. They are used again, so a program that loads and unloads code for
 * ever needs only two tables.
 */
static struct ct_table *retired[SIZES];

static size_t bytes_of(uint32_t entries)
{
	return sizeof(struct ct_table) + (size_t)entries * sizeof(struct ct_entry);
}

static struct ct_table *make(uint32_t entries)
{
	struct ct_table **kept = &retired[__builtin_ctz(entries)];
	struct ct_table *table = *kept;
	*kept = NULL;
	if (!table)
		table = ct_arena_alloc(bytes_of(entries));
	if (table) {
		table->mask = entries - 1;
		table->used = 0;
	}
	return table;
}

static void put(struct ct_table *table, const struct ct_entry *added, ct_table_hash *hash)
{
	uint32_t slot = hash(added);
	while (table->entries[slot & table->mask].key)
		slot++;
	struct ct_entry *entry = &table->entries[slot & table->mask];
	/* Not earlier than this entry was emptied: see ct_table_get. */
	ct_set_release(&entry->value, added->value);
	ct_set_release(&entry->key, added->key);
	table->used++;
}

static bool is_full(const struct ct_table *table, uint32_t used)
{
	return used >= table->mask / 2 + table->mask / 8;
}

/* Replace the table by one with only the entries to keep, see ct_table_add. */
static bool make_room(struct ct_table **table, uint64_t like, uint64_t mask, ct_table_hash *hash)
{
	struct ct_table *old = *table;
	uint32_t entries = FIRST_ENTRIES;
	uint32_t kept = 0;
	for (uint32_t i = 0; i <= old->mask; i++)
		kept += old->entries[i].key && !((old->entries[i].key ^ like) & mask);
	while (entries / 2 <= kept)
		entries *= 2;
	struct ct_table *fresh = make(entries);
	if (!fresh)
		return false;
	for (uint32_t i = 0; i <= old->mask; i++)
		if (old->entries[i].key && !((old->entries[i].key ^ like) & mask))
			put(fresh, &old->entries[i], hash);
	ct_set_release(table, fresh);
	ct_arena_retire(old->entries, (size_t)(old->mask + 1) * sizeof(struct ct_entry));
	retired[__builtin_ctz(old->mask + 1)] = old;
	return true;
}

bool ct_table_init(struct ct_table **table)
{
	*table = make(FIRST_ENTRIES);
	return *table != NULL;
}

bool ct_table_add(struct ct_table **table, struct ct_entry added, uint64_t mask, ct_table_hash *hash)
{
	if (is_full(*table, (*table)->used) && !make_room(table, added.key, mask, hash) &&
	    (*table)->used >= (*table)->mask - 1)
		return false;
	put(*table, &added, hash);
	return true;
}
