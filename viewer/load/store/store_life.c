/* SPDX-License-Identifier: MIT */
#include "load/store/store_life.h"

#include <stdlib.h>

static uint64_t time_of(const struct ct_store_file *store, uint64_t ticks)
{
	return store->header->boot_ns + 1000 * ct_store_file_us(store, ticks);
}

int ct_store_life(const struct ct_store_file *store, struct ct_life *life)
{
	const struct ct_store_header *header = store->header;
	const struct ct_timeline *timeline = &header->timeline[header->timeline_half];
	life->begin = header->flags & CT_STORE_FORKED ? header->forked_ns : header->boot_ns;
	life->end = time_of(store, store->end_ticks - header->start_ticks);
	life->step_count = 0;
	life->steps = calloc(timeline->used + 1, sizeof(*life->steps));
	if (!life->steps)
		return -1;
	for (uint32_t i = 0; i < timeline->used; i++) {
		uint64_t from = time_of(store, (uint64_t)i << timeline->shift);
		if (time_of(store, (uint64_t)(i + 1) << timeline->shift) > life->begin)
			life->steps[life->step_count++] = (struct ct_life_step){from > life->begin ? from : life->begin,
										timeline->bucket[i].max_bytes};
	}
	return 0;
}
