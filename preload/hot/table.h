/* SPDX-License-Identifier: MIT */
/*
 * A hash table that is read without a lock. Keys and values have 64 bits and are never 0. Entries are only added, under
 * a lock, the value before the key. A full table is replaced. A thread that still reads the old table finds it empty,
 * and looks again under the lock (hot/table.c).
 *
 * The caller supplies each key's hash. Linear probing needs all low bits of it to be uniform. If keys come in runs and
 * their slots do too, the runs grow into each other, and a look-up takes as many steps as there are keys.
 */
#ifndef CT_HOT_TABLE_H
#define CT_HOT_TABLE_H

#include "sys/compiler.h"

struct ct_entry {
	uint64_t key;
	uint64_t value;
};

struct ct_table {
	uint32_t mask; /* number of entries - 1; a power of two less one */
	uint32_t used;
	uint64_t pad;
	struct ct_entry entries[];
};

/* The entry of a key; NULL: not there. Hot path, any thread. */
static inline struct ct_entry *ct_table_find(struct ct_table *table, uint32_t hash, uint64_t key)
{
	for (uint32_t slot = hash;; slot++) {
		struct ct_entry *entry = &table->entries[slot & table->mask];
		uint64_t found = ct_get_acquire(&entry->key);
		if (ct_likely(found == key))
			return entry;
		if (!found)
			return NULL;
	}
}

/* The value of a key; 0: not there. Hot path, any thread. */
static inline uint64_t ct_table_get(struct ct_table *const *table, uint32_t hash, uint64_t key)
{
	const struct ct_entry *entry = ct_table_find(ct_get_acquire(table), hash, key);
	if (ct_unlikely(!entry))
		return 0;
	uint64_t value = ct_get_acquire(&entry->value);
	/* A replaced table may be in use again meanwhile, with other keys (tests/litmus/table.litmus). */
	return ct_likely(ct_get_relaxed(&entry->key) == key) ? value : 0;
}

/* Returns the hash of an entry that is in a table, to put it into a larger one. */
typedef uint32_t ct_table_hash(const struct ct_entry *entry);

/* Make an empty table. False: no memory. For this function and the next, the caller holds ct_lock_tree. */
CT_COLD bool ct_table_init(struct ct_table **table);

/*
 * Add an entry whose key is not in the table. If the table is full, entries whose keys differ from the new key in the
 * bits of `mask` are dropped, and the others move to a table that is large enough. False: no memory.
 */
CT_COLD bool ct_table_add(struct ct_table **table, struct ct_entry added, uint64_t mask, ct_table_hash *hash);

#endif
