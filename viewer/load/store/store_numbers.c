/* SPDX-License-Identifier: MIT */
#include "load/store/store_numbers.h"

#include <string.h>

#include "load/store/store_steps.h"
#include "model/losses.h"

/* Live bytes over the run, from the timeline's buckets. */
static void set_curve(const struct ct_store_header *header, struct ct_store_numbers *numbers)
{
	const struct ct_timeline *timeline = &header->timeline[header->timeline_half];
	size_t count = timeline->used < CT_CURVE_POINTS ? timeline->used : CT_CURVE_POINTS;
	numbers->curve_count = count;
	for (size_t i = 0; i < timeline->used; i++) {
		uint64_t *point = &numbers->curve[i * count / timeline->used];
		if (timeline->bucket[i].max_bytes > *point)
			*point = timeline->bucket[i].max_bytes;
	}
}

void ct_store_numbers(const struct ct_store_file *store, struct ct_store_numbers *numbers)
{
	const struct ct_store_header *header = store->header;
	const struct ct_totals *totals = &header->totals;
	*numbers = (struct ct_store_numbers){
		.total_bytes = totals->total_bytes,
		.total_blocks = totals->total_blocks,
		.live_bytes = totals->live_bytes > 0 ? (uint64_t)totals->live_bytes : 0,
		.live_blocks = totals->live_blocks > 0 ? (uint64_t)totals->live_blocks : 0,
		.peak_bytes = totals->peak_bytes,
		.peak_blocks = totals->peak_blocks,
		.start_unix_ns = header->start_unix_ns,
		.peak_unix_ns = header->start_unix_ns +
				ct_store_file_us(store, totals->peak_ticks - header->start_ticks) * 1000,
		.nodes = store->node_count - 1,
		.own_bytes = header->own_bytes,
		.sample_bytes = header->sample_bytes,
		.state = header->state,
		.mode = header->mode,
		.segment = store->segment.number,
		.request = header->request,
		.paused = header->paused,
		.has_details = !header->sample_bytes,
		.has_slack = !header->sample_bytes && header->flags & CT_STORE_SLACK,
	};
	set_curve(header, numbers);
	for (size_t i = 0; i < CT_LOSS_ROWS; i++)
		if (ct_loss_rows[i].loss < CT_LOSS_COUNT)
			*ct_loss_place(&numbers->losses, i) = header->losses[ct_loss_rows[i].loss];
	numbers->losses.bypassed = header->flags >> CT_STORE_BYPASSED_SHIFT;
	for (size_t i = 1; i < store->site_count; i++) {
		const struct ct_site *site = &store->sites[i];
		if (!site->total_blocks || ct_store_is_event(store, site))
			continue;
		numbers->sites++;
		numbers->temporary_blocks += site->temporary_blocks;
		numbers->copied_bytes += site->copied_bytes;
		numbers->slack_bytes += site->slack_bytes;
		if (ct_is_pseudo(store->nodes[site->node].module, store->nodes[site->node].address, CT_PSEUDO_OTHER))
			numbers->losses.other_sites += site->total_blocks;
	}
}
