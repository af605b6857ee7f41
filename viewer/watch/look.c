/* SPDX-License-Identifier: MIT */
#include "watch/look.h"

#include <stdlib.h>

#define SECOND_NS UINT64_C(1000000000)

static const uint64_t ages_s[CT_LOOK_TIMES] = {10, 60, 300, 900};

/* The readings nearest to the wanted ages, each once. */
static void choose_times(struct ct_look *look, const struct ct_history *history, uint64_t now,
			 const struct ct_reading *readings[CT_LOOK_TIMES])
{
	for (int i = 0; i < CT_LOOK_TIMES; i++) {
		uint64_t age = ages_s[i] * SECOND_NS;
		const struct ct_reading *reading = ct_history_near(history, now > age ? now - age : 0);
		if (!reading || reading->ns >= now || (look->times && readings[look->times - 1] == reading))
			continue;
		look->seconds[look->times] = (double)(now - reading->ns) / 1e9;
		readings[look->times++] = reading;
	}
}

static void add_growth(struct ct_look *look, const struct ct_store_file *store, const struct ct_store_builder *builder,
		       const struct ct_reading *const *readings)
{
	for (size_t i = 1; i < store->site_count; i++) {
		uint32_t site = ct_store_builder_site(builder, i);
		if (site == UINT32_MAX)
			continue;
		struct ct_look_row *row = &look->rows[look->fold.row_of[site]];
		for (unsigned at = 0; at < look->times; at++)
			row->grown[at] += store->sites[i].live_bytes - ct_reading_live(readings[at], i);
	}
}

struct order {
	const struct ct_look *look;
	unsigned time; /* CT_LOOK_TIMES: by live bytes */
};

static int compare(const void *a, const void *b, void *context)
{
	const struct ct_look_row *first = a, *second = b;
	const struct order *order = context;
	const struct ct_fold_row *rows = order->look->fold.rows;
	int64_t x = (int64_t)rows[first->row].counters->end_bytes, y = (int64_t)rows[second->row].counters->end_bytes;
	if (order->time < CT_LOOK_TIMES) {
		x = first->grown[order->time];
		y = second->grown[order->time];
	}
	return x != y ? (x < y ? 1 : -1) : first->row < second->row ? -1 : first->row > second->row;
}

/* Sort those that are not shown yet, and let the first ones be shown, unless they are too small to matter. */
static void show(struct ct_look *look, unsigned time, size_t most)
{
	struct order order = {look, time};
	int64_t least = (int64_t)(look->profile->totals.end_bytes / CT_LOOK_PARTS) + 1;
	qsort_r(look->rows + look->shown, look->row_count - look->shown, sizeof(*look->rows), compare, &order);
	for (size_t i = 0; i < most && look->shown < look->row_count; i++) {
		const struct ct_look_row *row = &look->rows[look->shown];
		int64_t live = (int64_t)look->fold.rows[row->row].counters->end_bytes;
		if ((time < CT_LOOK_TIMES ? row->grown[time] : live) < least)
			break;
		look->shown++;
	}
}

static void choose_rows(struct ct_look *look)
{
	struct order by_live = {look, CT_LOOK_TIMES};
	show(look, CT_LOOK_TIMES, CT_LOOK_SITES);
	for (unsigned at = 0; at < look->times; at++)
		show(look, at, CT_LOOK_GROWN);
	qsort_r(look->rows, look->shown, sizeof(*look->rows), compare, &by_live);
}

static int find_allocations(struct ct_look *look, const struct ct_store_file *store,
			    const struct ct_store_builder *builder)
{
	look->allocations = calloc(store->ring_count * CT_LOOK_ALLOCATIONS + 1, sizeof(*look->allocations));
	if (!look->allocations)
		return -1;
	for (size_t i = 0; i < store->ring_count; i++) {
		const struct ct_event *event;
		size_t left = CT_LOOK_ALLOCATIONS;
		for (uint64_t back = 0; left && (event = ct_store_latest_event(store, i, back)); back++) {
			enum ct_event_kind kind = ct_event_kind(event);
			uint32_t site = ct_store_builder_site(builder, event->site);
			if ((kind != CT_EVENT_ALLOC && kind != CT_EVENT_RESIZE) || site == UINT32_MAX)
				continue;
			uint64_t ticks = store->end_ticks > event->ticks ? store->end_ticks - event->ticks : 0;
			look->allocations[look->allocation_count++] = (struct ct_look_allocation){
				.thread = store->rings[i].tid,
				.site = site,
				.resized = kind == CT_EVENT_RESIZE,
				.bytes = event->bytes,
				.before_us = ct_store_file_us(store, ticks),
			};
			left--;
		}
	}
	return 0;
}

int ct_look_init(struct ct_look *look, const struct ct_store_file *store, struct ct_store_builder *builder,
		 const struct ct_history *history, uint64_t now)
{
	const struct ct_reading *readings[CT_LOOK_TIMES];
	*look = (struct ct_look){.profile = ct_store_builder_profile(builder), .pressure = -1};
	if (ct_origins_init(&look->origins, look->profile, CT_ORIGIN_RULE) ||
	    ct_fold_init(&look->fold, look->profile, &look->origins, false, NULL))
		return -1;
	look->rows = calloc(look->fold.count + 1, sizeof(*look->rows));
	if (!look->rows)
		return -1;
	look->row_count = look->fold.count;
	for (size_t i = 0; i < look->row_count; i++)
		look->rows[i].row = (uint32_t)i;
	choose_times(look, history, now, readings);
	add_growth(look, store, builder, readings);
	choose_rows(look);
	return find_allocations(look, store, builder);
}

void ct_look_fini(struct ct_look *look)
{
	ct_fold_fini(&look->fold);
	ct_origins_fini(&look->origins);
	free(look->rows);
	free(look->allocations);
}
