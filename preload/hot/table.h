/* SPDX-License-Identifier: MIT */
/*
 * A hash table that is read without a lock, from 64-bit keys to 64-bit values, neither ever 0. Entries are only
 * added, under a lock, the value before the key. A full table is replaced; whoever still reads the old one
 * finds it empty, and looks again under the lock (cold/table.c).
 *
 * The user brings each key's hash. Linear probing needs all of its low bits to be uniform: where keys come in runs and
 * their slots do too, runs grow into each other, and a look-up takes as long as there are keys.
 */
#ifndef CT_HOT_TABLE_H
#define CT_HOT_TABLE_H

#include "hot/compiler.h"

struct ct_entry {
	uint64_t key;
	uint64_t value;
};

struct ct_table {
	uint32_t mask; /* entries - 1; a power of two less one */
	uint32_t used;
	uint64_t pad;
	struct ct_entry entries[];
};

/* The entry of a key, NULL = not there. hot */
static inline struct ct_entry *ct_table_find(struct ct_table *table, uint32_t hash, uint64_t key)
{
	for (uint32_t slot = hash;; slot++) {
		struct ct_entry *entry = &table->entries[slot & table->mask];
		uint64_t found = ct_load_acquire(&entry->key);
		if (ct_likely(found == key))
			return entry;
		if (!found)
			return NULL;
	}
}

/* The value of a key, 0 = not there. hot */
static inline uint64_t ct_table_get(struct ct_table *const *table, uint32_t hash, uint64_t key)
{
	const struct ct_entry *entry = ct_table_find(ct_load_acquire(table), hash, key);
	if (ct_unlikely(!entry))
		return 0;
	uint64_t value = ct_load_acquire(&entry->value);
	/* A table that was replaced may have been taken into use again, for other keys. */
	return ct_likely(ct_load_relaxed(&entry->key) == key) ? value : 0;
}

#endif
