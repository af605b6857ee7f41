/* SPDX-License-Identifier: MIT */
#include "store/slice_table.h"

#include "sys/region.h"

#define INDEX_BITS 12u
#define ENTRIES_MAX (1u << INDEX_BITS)
#define SLOTS_MAX (2 * ENTRIES_MAX)
#define COUNTERS_MAX 32768u
#define GENERATIONS (1u << (32 - INDEX_BITS))

struct ct_slice_slot {
	uint32_t site;
	uint32_t tag; /* generation << INDEX_BITS | index of the entry */
};

static bool no_memory; /* for more tables, so it is not tried again; atomic */

static struct ct_slice_table *map_table(void)
{
	if (ct_get_relaxed(&no_memory))
		return NULL;
	const size_t entries = ENTRIES_MAX * sizeof(struct ct_site);
	const size_t counters = COUNTERS_MAX * sizeof(uint64_t);
	struct ct_slice_table *table;
	char *memory = ct_region_map(entries + counters + SLOTS_MAX * sizeof(*table->slots) + sizeof(*table));
	if (!memory) {
		ct_set_relaxed(&no_memory, true);
		return NULL;
	}
	table = (struct ct_slice_table *)(memory + entries + counters + SLOTS_MAX * sizeof(*table->slots));
	table->entries = (struct ct_site *)memory;
	table->counters = (uint64_t *)(memory + entries);
	table->slots = (struct ct_slice_slot *)(memory + entries + counters);
	return table;
}

static void begin_table(struct ct_slice_table *table, const struct ct_slice *slice)
{
	uint32_t slots = 64;
	while (slots < 2 * slice->events && slots < SLOTS_MAX)
		slots *= 2;
	table->slot_mask = slots - 1;
	table->entry_count = 0;
	table->counter_count = 1;
	table->latest_ticks = 0;
	if (++table->generation >= GENERATIONS) { /* more: a fork has come in between */
		for (uint32_t i = 0; i < SLOTS_MAX; i++)
			table->slots[i].tag = 0;
		table->generation = 1;
	}
	ct_slice_begin(&table->sums, slice->start_ticks);
}

/* NULL: no room. Slots of earlier generations are free, and at least half of them are. */
static inline __attribute__((always_inline)) struct ct_site *entry_of(struct ct_slice_table *table, uint32_t site)
{
	const uint32_t generation = table->generation << INDEX_BITS;
	for (uint32_t i = site * 2654435769u >> 8;; i++) {
		struct ct_slice_slot *slot = &table->slots[i & table->slot_mask];
		uint32_t index = slot->tag ^ generation;
		if (index >= ENTRIES_MAX) {
			index = table->entry_count;
			if (index == ENTRIES_MAX)
				return NULL;
			table->entry_count++;
			*slot = (struct ct_slice_slot){site, generation | index};
			ct_slice_begin_entry(&table->entries[index], site);
			return &table->entries[index];
		}
		if (slot->site == site)
			return &table->entries[index];
	}
}

/* False: no room. */
static __attribute__((noinline)) bool widen(struct ct_slice_table *table, struct ct_site *entry,
					    const struct ct_event *event)
{
	struct ct_histogram wider = ct_histogram_wider(entry, event);
	unsigned needed = ct_histogram_place(&wider, table->counter_count);
	if (needed > COUNTERS_MAX - table->counter_count)
		return false;
	table->counter_count += needed;
	ct_histogram_widen(entry, table->counters, wider, event);
	return true;
}

/*
 * The combiner may take the slice meanwhile, and the event's slot may be written again (see gather in slice.c). So each
 * word is read once: any number in it makes a useless table, but does no harm. ThreadSanitizer cannot know that.
 */
#define SPECULATIVE __attribute__((no_sanitize("thread")))

static inline SPECULATIVE struct ct_event read_event(const struct ct_event *event)
{
	struct ct_event copy;
	const volatile uint64_t *from = (const uint64_t *)event;
	uint64_t *to = (uint64_t *)&copy;
#pragma GCC unroll 4
	for (size_t i = 0; i < sizeof(copy) / sizeof(*to); i++)
		to[i] = from[i];
	return copy;
}

static SPECULATIVE __attribute__((noinline, hot)) bool fold(struct ct_slice_table *table, const struct ct_slice *slice)
{
	const struct ct_slice_key *key = slice->keys, *end = key + slice->events;
	struct ct_slice_sums sums = table->sums;
	do {
		const struct ct_event event = read_event(key->event);
		struct ct_site *entry = entry_of(table, event.site);
		if (!entry)
			return false;
		if (ct_unlikely(!ct_slice_fold_event(&sums, entry, table->counters, &event)) &&
		    !widen(table, entry, &event))
			return false;
		if (key->ticks > table->latest_ticks)
			table->latest_ticks = key->ticks;
	} while (++key < end);
	table->sums = sums;
	return true;
}

void ct_slice_make_table(struct ct_slice *slice)
{
	if (!slice->table)
		slice->table = map_table();
	struct ct_slice_table *table = slice->table;
	if (!table || !slice->keys || !slice->events)
		return;
	begin_table(table, slice);
	bool whole = fold(table, slice);
	if (table->entry_count > table->most_entries)
		table->most_entries = table->entry_count;
	if (table->counter_count > table->most_counters)
		table->most_counters = table->counter_count;
	if (!whole)
		table->entry_count = 0;
}

uint64_t ct_slice_table_bytes(const struct ct_slice_table *table)
{
	if (!table)
		return 0;
	return table->most_entries * (sizeof(*table->entries) + 2 * sizeof(*table->slots)) +
	       table->most_counters * sizeof(*table->counters);
}
