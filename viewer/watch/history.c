/* SPDX-License-Identifier: MIT */
#include "watch/history.h"

#include <stdlib.h>

#include "util/array.h"

#define KEPT_NS (UINT64_C(1000) * 1000000000) /* more than the longest time that is reported */
#define APART_NS UINT64_C(1000000000) /* readings are at least so far apart */
#define APART_PART 5 /* or this part of their age */

static void drop(struct ct_history *history, size_t at)
{
	free(history->rows[at].live);
	memmove(&history->rows[at], &history->rows[at + 1], (--history->count - at) * sizeof(*history->rows));
}

void ct_history_fini(struct ct_history *history)
{
	while (history->count)
		drop(history, history->count - 1);
	free(history->rows);
	*history = (struct ct_history){0};
}

/* Add a reading in which nothing is live yet. NULL when out of memory. */
static struct ct_reading *begin(struct ct_history *history, uint64_t ns, size_t sites)
{
	if (!ct_array_room(&history->rows, &history->room, history->count + 1, sizeof(*history->rows)))
		return NULL;
	struct ct_reading *reading = &history->rows[history->count];
	*reading = (struct ct_reading){ns, calloc(sites + 1, sizeof(*reading->live)), sites};
	history->count += reading->live != NULL;
	return reading->live ? reading : NULL;
}

static uint64_t time_of(const struct ct_store_file *store, uint64_t ticks)
{
	return store->header->boot_ns + 1000 * ct_store_file_us(store, ticks - store->header->start_ticks);
}

/* The segment's start, and its whole snapshots. Partial ones do not have all sites. */
static int fill_in(struct ct_history *history, const struct ct_store_file *store, uint64_t now)
{
	if (!begin(history, time_of(store, store->start_ticks), 0))
		return -1;
	for (size_t at = 0; at < store->snapshot_rows; at += store->snapshots[at].blocks + 1) {
		const struct ct_snapshot_row *head = &store->snapshots[at];
		bool partial = head->blocks && !head[1].site;
		if (partial || head->bytes < store->start_ticks || time_of(store, head->bytes) >= now)
			continue;
		struct ct_reading *reading = begin(history, time_of(store, head->bytes), store->site_count);
		if (!reading)
			return -1;
		for (uint32_t i = 1; i <= head->blocks; i++)
			reading->live[head[i].site] = (int64_t)head[i].bytes;
	}
	return 0;
}

/* Drop readings that have neighbours near enough for their age. The first and the latest two stay. */
static void thin_out(struct ct_history *history, uint64_t now)
{
	for (size_t i = history->count; i-- > 1;) {
		if (i + 2 >= history->count)
			continue;
		uint64_t age = now - history->rows[i].ns;
		uint64_t apart = age / APART_PART > APART_NS ? age / APART_PART : APART_NS;
		if (age > KEPT_NS || history->rows[i + 1].ns - history->rows[i - 1].ns <= apart)
			drop(history, i);
	}
}

int ct_history_add(struct ct_history *history, const struct ct_store_file *store, uint64_t ns)
{
	if (history->segment != store->segment.number || !history->count) {
		ct_history_fini(history);
		history->segment = store->segment.number;
		if (fill_in(history, store, ns))
			return -1;
	}
	struct ct_reading *reading = begin(history, ns, store->site_count);
	if (!reading)
		return -1;
	for (size_t i = 1; i < store->site_count; i++)
		if (!ct_store_is_event(store, &store->sites[i]))
			reading->live[i] = store->sites[i].live_bytes;
	thin_out(history, ns);
	return 0;
}

const struct ct_reading *ct_history_near(const struct ct_history *history, uint64_t ns)
{
	const struct ct_reading *best = NULL;
	uint64_t least = UINT64_MAX;
	for (size_t i = 0; i < history->count; i++) {
		uint64_t at = history->rows[i].ns, distance = at < ns ? ns - at : at - ns;
		if (distance < least) {
			least = distance;
			best = &history->rows[i];
		}
	}
	return best;
}

int64_t ct_reading_live(const struct ct_reading *reading, size_t site)
{
	return site < reading->count ? reading->live[site] : 0;
}
