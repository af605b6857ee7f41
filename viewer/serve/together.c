/* SPDX-License-Identifier: MIT */
/*
 * One profile of several processes. Each process's stacks get a root of their own, which becomes labels. A process has
 * a share of the stacks at most, so that memory does not grow with their number; sums stay.
 */
#include "serve/pprof.h"

#include <stdlib.h>
#include <string.h>

#include "load/store/store_builder.h"
#include "model/merge.h"
#include "model/threads.h"
#include "names/names.h"
#include "serve/view.h"
#include "util/clock.h"

#define ROWS_MAX (4 * CT_WIRE_SAMPLES) /* of all processes together, before the message is made */
#define ROWS_MIN 16 /* of a process */

struct together {
	struct ct_merge merge;
	struct ct_pprof_process *processes;
	size_t count, missing;
	size_t most; /* rows of a process */
	bool begins; /* of one of them, what was allocated before does not count */
	uint64_t since_ns; /* the earliest beginning of a difference; 0: none */
};

/* Add the rows, each with the process's root in place of a thread's label. */
static int add_rows(struct together *all, const struct ct_profile *view, const struct ct_short_sites *sites,
		    uint32_t root, struct ct_error_text *error)
{
	struct ct_profile part = *view;
	size_t count = 0;
	for (size_t i = 0; i < sites->count; i++)
		count += sites->rows[i].frame_count + 1;
	uint32_t *ids = malloc((count + 1) * sizeof(*ids));
	if (!ids)
		return ct_error_no_memory(error);
	part.frame_ids = ids;
	part.frame_id_count = 0;
	for (size_t i = 0; i < sites->count; i++) {
		struct ct_site_row *row = &sites->rows[i];
		uint32_t frames = row->frame_count;
		if (frames && ct_thread_of_site(view, row))
			frames--;
		memcpy(ids + part.frame_id_count, view->frame_ids + row->first_frame, frames * sizeof(*ids));
		row->first_frame = (uint32_t)part.frame_id_count;
		row->frame_count = frames + 1;
		part.frame_id_count += row->frame_count;
		ids[part.frame_id_count - 1] = root;
	}
	part.sites = sites->rows;
	part.site_count = sites->count;
	part.totals = (struct ct_counters){0}; /* differences may wrap around, which is not an overflow */
	part.has_histograms = false;
	part.losses.merged_sites = 0;
	int code = ct_merge_add(&all->merge, &part, "the process", error);
	free(ids);
	return code;
}

static int add_view(struct together *all, struct ct_served *served, const struct ct_pprof_ask *ask,
		    struct ct_error_text *error)
{
	struct ct_view view;
	struct ct_short_sites sites = {0};
	char text[64];
	snprintf(text, sizeof(text), "[process %d, %llu]", served->pid, (unsigned long long)served->serial);
	/* Frames are interned before the view is made, which shares them. */
	struct ct_profile *profile = ct_store_builder_profile(served->builder);
	int64_t string = ct_profile_string(profile, text, strlen(text));
	int64_t root = string < 0 ? -1 : ct_profile_frame(profile, &(struct ct_frame){.text = (uint32_t)string});
	if (root < 0)
		return ct_error_no_memory(error);
	int code = ct_view_make(served, ask, &view, error);
	const struct ct_wire wire = ct_pprof_wire(ask, &view.profile);
	if (!code)
		code = ct_wire_shorten(&view.profile, &wire, all->most, &sites, error);
	if (!code && sites.count)
		code = add_rows(all, &view.profile, &sites, (uint32_t)root, error);
	if (!code && sites.count)
		all->processes[all->count++] = (struct ct_pprof_process){.frame = all->merge.ids[root],
									 .pid = served->pid,
									 .exe = ct_name_base(served->exe),
									 .service = served->service};
	free(sites.rows);
	ct_view_free(&view);
	return code;
}

static int add_part(struct together *all, const struct ct_pprof_part *part, struct ct_pprof_ask ask,
		    struct ct_error_text *error)
{
	struct ct_served *served = part->served;
	struct ct_profile *profile;
	int code = ct_served_profile(served, &profile, error);
	ask.seen = part->seen;
	ask.begins = part->begins;
	all->begins = all->begins || part->begins;
	ask.gone = served->ended_ns != 0;
	if (!code && part->seen && part->seen->unix_ns && (!all->since_ns || part->seen->unix_ns < all->since_ns))
		all->since_ns = part->seen->unix_ns;
	if (code)
		all->missing++;
	code = code == CT_ERR_MEMORY ? code : code ? CT_OK : add_view(all, served, &ask, error);
	if (!code && part->take && served->builder && ct_seen_take(part->take, served))
		code = ct_error_no_memory(error);
	return code;
}

int ct_pprof_write_all(struct ct_fleet *fleet, const struct ct_pprof_part *parts, size_t count,
		       const struct ct_pprof_ask *ask, FILE *out, struct ct_error_text *error)
{
	struct together all = {.processes = calloc(count + 1, sizeof(*all.processes)),
			       .most = ROWS_MAX / (count + 1) > ROWS_MIN ? ROWS_MAX / (count + 1) : ROWS_MIN};
	struct ct_wire_message message = {0};
	struct ct_pprof_ask whole = *ask;
	whole.top = 0; /* the message keeps the largest stacks itself */
	int code = all.processes ? ct_merge_init(&all.merge, error) : ct_error_no_memory(error);
	for (size_t i = 0; i < count && !code; i++) {
		code = add_part(&all, &parts[i], whole, error);
		ct_fleet_used(fleet, parts[i].served);
	}
	if (!code) {
		struct ct_profile *merged = all.merge.profile;
		merged->start_unix_ns = ct_clock_ns(CLOCK_REALTIME);
		merged->losses.merged_sites = 0; /* they have become equal by what is left out here */
		struct ct_wire wire = ct_pprof_wire(ask, merged);
		wire.duration_ns =
			all.since_ns && merged->start_unix_ns > all.since_ns ? merged->start_unix_ns - all.since_ns : 0;
		wire.processes = all.processes;
		wire.process_count = all.count;
		wire.missing = all.missing;
		wire.begins = all.begins;
		code = ct_wire_write(merged, &wire, &message, error);
	}
	if (!code && fwrite(message.data, 1, message.length, out) != message.length)
		code = ct_error_no_memory(error); /* out is in memory */
	free(message.data);
	ct_merge_fini(&all.merge);
	free(all.processes);
	return code;
}
