/* SPDX-License-Identifier: MIT */
#include "serve/view.h"

#include <stdlib.h>
#include <string.h>

#include "load/store/store_builder.h"
#include "model/metric.h"
#include "util/clock.h"

/* Is it about the time since an earlier moment? */
static bool is_since(const struct ct_pprof_ask *ask)
{
	return ask->kind == CT_PPROF_DELTA || ask->kind == CT_PPROF_CHANGE;
}

/* A site's number now minus that of before. Totals only grow; where less is live, the difference wraps around. */
static void subtract(struct ct_counters *counters, const struct ct_seen_site *before, bool live_too)
{
	counters->total_bytes -= before->total_bytes;
	counters->total_blocks -= before->total_blocks;
	if (live_too) {
		counters->end_bytes -= before->end_bytes;
		counters->end_blocks -= before->end_blocks;
	}
}

static uint64_t size_of(const struct ct_site_row *site, enum ct_pprof_kind kind)
{
	return kind == CT_PPROF_HEAP ? site->counters.end_bytes : site->counters.total_bytes;
}

struct order {
	const struct ct_site_row *site;
	uint64_t size;
};

static int by_size(const void *left, const void *right)
{
	const struct order *a = left, *b = right;
	if (a->size != b->size)
		return a->size < b->size ? 1 : -1;
	return (a->site > b->site) - (a->site < b->site);
}

/* Fold all but the largest sites into one. */
static int keep_top(struct ct_profile *profile, struct ct_view *made, const struct ct_pprof_ask *ask)
{
	struct ct_profile *view = &made->profile;
	static const char text[] = "[other sites]";
	struct ct_counters rest = {0};
	if (!ask->top || view->site_count <= ask->top)
		return 0;
	int64_t string = ct_profile_string(profile, text, sizeof(text) - 1);
	int64_t frame = string < 0 ? -1
				   : ct_profile_frame(profile, &(struct ct_frame){.text = (uint32_t)string,
										  .function = (uint32_t)string});
	struct order *order = calloc(view->site_count, sizeof(*order));
	struct ct_site_row *sites = calloc(ask->top + 1, sizeof(*sites));
	uint32_t *ids = malloc((profile->frame_id_count + 1) * sizeof(*ids));
	if (frame < 0 || !order || !sites || !ids) {
		free(order);
		free(sites);
		free(ids);
		return -1;
	}
	for (size_t i = 0; i < view->site_count; i++)
		order[i] = (struct order){&view->sites[i], size_of(&view->sites[i], ask->kind)};
	qsort(order, view->site_count, sizeof(*order), by_size);
	for (size_t i = 0; i < ask->top; i++)
		sites[i] = *order[i].site;
	for (size_t i = ask->top; i < view->site_count; i++)
		ct_counters_add(&rest, &order[i].site->counters);
	memcpy(ids, profile->frame_ids, profile->frame_id_count * sizeof(*ids));
	ids[profile->frame_id_count] = (uint32_t)frame;
	sites[ask->top] = (struct ct_site_row){
		.counters = rest, .first_frame = (uint32_t)profile->frame_id_count, .frame_count = 1};
	free(order);
	free(view->sites);
	view->sites = sites;
	view->site_count = ask->top + 1;
	/* Strings and frames may have moved. */
	view->frame_ids = made->ids = ids;
	view->frame_id_count = profile->frame_id_count + 1;
	view->frames = profile->frames;
	view->frame_count = profile->frame_count;
	view->strings = profile->strings;
	view->string_count = profile->string_count;
	return 0;
}

/* Only the sites that have something to say. before: by site, what was seen of it; NULL: nothing. */
static size_t copy_sites(const struct ct_profile *profile, const struct ct_pprof_ask *ask,
			 const struct ct_seen_site *before, struct ct_site_row *sites)
{
	size_t count = 0;
	for (size_t i = 0; i < profile->site_count; i++) {
		struct ct_site_row row = profile->sites[i];
		if (ask->gone)
			row.counters.end_bytes = row.counters.end_blocks = 0;
		if (ask->begins)
			row.counters.total_bytes = row.counters.total_blocks = 0;
		if (before)
			subtract(&row.counters, &before[i], ask->kind == CT_PPROF_CHANGE);
		if (row.counters.total_blocks || row.counters.end_blocks)
			sites[count++] = row;
	}
	return count;
}

int ct_view_make(struct ct_served *served, const struct ct_pprof_ask *ask, struct ct_view *made,
		 struct ct_error_text *error)
{
	struct ct_profile *view = &made->profile;
	struct ct_profile *profile = ct_store_builder_profile(served->builder);
	uint64_t now = ct_clock_ns(CLOCK_REALTIME), since = now;
	if (ask->seen && !ask->begins)
		since = ask->seen->unix_ns ? ask->seen->unix_ns : served->numbers.start_unix_ns;
	*made = (struct ct_view){.profile = *profile};
	struct ct_seen_site *before = ask->seen && is_since(ask) ? ct_seen_match(ask->seen, served) : NULL;
	view->sites = calloc(profile->site_count + 1, sizeof(*view->sites));
	if (!view->sites || (ask->seen && is_since(ask) && !before)) {
		free(before);
		return ct_error_no_memory(error);
	}
	view->site_count = copy_sites(profile, ask, before, view->sites);
	free(before);
	view->totals = (struct ct_counters){0};
	for (size_t i = 0; i < view->site_count; i++)
		ct_counters_add(&view->totals, &view->sites[i].counters);
	view->start_unix_ns = now;
	view->end_time = is_since(ask) && now > since ? (now - since) / 1000 : 0;
	view->ended = true; /* the comment about a killed program is for files */
	if (is_since(ask))
		view->lacks |= CT_METRIC_BIT(CT_METRIC_PEAK_BYTES); /* a peak has no difference */
	return keep_top(profile, made, ask) ? ct_error_no_memory(error) : CT_OK;
}

void ct_view_free(struct ct_view *view)
{
	free(view->profile.sites);
	free(view->ids);
}
