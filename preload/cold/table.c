/* SPDX-License-Identifier: MIT */
#include "cold/table.h"

#include "cold/arena.h"

#define FIRST_ENTRIES 1024u /* a power of two */

static size_t bytes_of(uint32_t entries)
{
	return sizeof(struct ct_table) + (size_t)entries * sizeof(struct ct_entry);
}

static void put(struct ct_table *table, uint64_t key, uint64_t value)
{
	uint32_t slot = (uint32_t)key * 0x9e3779b1u + (uint32_t)(key >> 32);
	while (table->entries[slot & table->mask].key)
		slot++;
	struct ct_entry *entry = &table->entries[slot & table->mask];
	ct_store_relaxed(&entry->value, value);
	ct_store_release(&entry->key, key);
	table->used++;
}

static bool replace(struct ct_table **table, uint32_t entries)
{
	struct ct_table *old = *table;
	struct ct_table *fresh = ct_arena_alloc(bytes_of(entries));
	if (!fresh)
		return false;
	fresh->mask = entries - 1;
	for (uint32_t i = 0; old && i <= old->mask; i++)
		if (old->entries[i].key)
			put(fresh, old->entries[i].key, old->entries[i].value);
	ct_store_release(table, fresh);
	if (old)
		ct_arena_retire(old->entries, (size_t)(old->mask + 1) * sizeof(struct ct_entry));
	return true;
}

bool ct_table_reset(struct ct_table **table)
{
	if (!*table)
		return replace(table, FIRST_ENTRIES);
	/* In place: programs unload libraries without end. ct_table_get finds out. */
	ct_arena_clear((*table)->entries, (size_t)((*table)->mask + 1) * sizeof(struct ct_entry));
	(*table)->used = 0;
	return true;
}

bool ct_table_add(struct ct_table **table, uint64_t key, uint64_t value)
{
	uint32_t entries = (*table)->mask + 1;
	if ((*table)->used >= entries / 2 + entries / 8 && !replace(table, 2 * entries) &&
	    (*table)->used >= entries - entries / 8)
		return false;
	put(*table, key, value);
	return true;
}
