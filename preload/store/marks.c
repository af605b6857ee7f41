/* SPDX-License-Identifier: MIT */
#include "store/marks.h"

#include "hot/journal.h"
#include "hot/state.h"
#include "store/combine.h"
#include "store/store_file.h"

/* False: no room. */
static bool add(const char *name, size_t length)
{
	const struct ct_totals *totals = &ct_tracer.header->totals;
	struct ct_section *marks = &ct_tracer.header->sections[CT_SECTION_MARKS];
	if (marks->used >= ct_store_limit(CT_SECTION_MARKS) ||
	    (marks->used >= ct_store_capacity(CT_SECTION_MARKS) && !ct_store_grow(CT_SECTION_MARKS, marks->used + 1)))
		return false;
	struct ct_mark_row *row = (struct ct_mark_row *)ct_store_base(CT_SECTION_MARKS) + marks->used;
	uint64_t now = ct_ticks(), latest = marks->used ? row[-1].ticks : 0;
	*row = (struct ct_mark_row){
		.ticks = now > latest ? now : latest, /* reading the clock may overtake taking the lock */
		.total_bytes = totals->total_bytes,
		.total_blocks = totals->total_blocks,
		.live_bytes = (uint64_t)totals->live_bytes,
		.live_blocks = (uint64_t)totals->live_blocks,
		.name = ct_store_string(name, length),
	};
	ct_set_release(&marks->used, marks->used + 1);
	return true;
}

void ct_mark_add(const char *name, size_t length)
{
	ct_combine_locked();
	if (!add(name, length))
		ct_count_loss(CT_LOSS_MARKS);
}
