/* SPDX-License-Identifier: MIT */
/* Writes the profile as JSON for scripts. docs/json.md defines its contents. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "ctrace/version.h"
#include "model/functions.h"
#include "model/histogram.h"
#include "model/origin.h"
#include "model/threads.h"
#include "names/names.h"
#include "util/progress.h"
#include "write/put_profile.h"
#include "write/write.h"

#define VERSION 1

static void put_head(const struct ct_profile *profile, enum ct_metric metric, FILE *out)
{
	fprintf(out, "{\"format\":\"ctrace-sites\",\"version\":%d,\"writtenBy\":\"ctrace " CTRACE_VERSION "\"",
		VERSION);
	ct_put_profile(profile, out);
	ct_put_text_member(out, "sortedBy", ct_metric_member(metric));
}

/* Write the threads that the site was on, if they are known and are not in its stack. */
static void put_threads(const struct ct_profile *profile, const struct ct_site_row *site, FILE *out)
{
	uint32_t index = (uint32_t)(site - profile->sites);
	size_t first = 0, limit = profile->site_thread_count;
	if (!profile->threads_folded)
		return;
	while (first < limit) { /* they are sorted by site */
		size_t middle = first + (limit - first) / 2;
		if (profile->site_threads[middle].site < index)
			first = middle + 1;
		else
			limit = middle;
	}
	fputs(",\"threads\":[", out);
	for (size_t i = first; i < profile->site_thread_count && profile->site_threads[i].site == index; i++) {
		char name[CT_THREAD_ROOM];
		fputs(i > first ? "," : "", out);
		ct_put_text(out, ct_thread_text(profile->strings[profile->site_threads[i].label], name));
	}
	putc(']', out);
}

static void put_tag(const struct ct_profile *profile, const struct ct_site_row *site, FILE *out)
{
	char name[CT_TAG_ROOM];
	uint32_t thread, tag;
	ct_labels_of_site(profile, site, &thread, &tag);
	if (tag)
		ct_put_text_member(out, "tag", ct_tag_text(profile->strings[tag], name));
}

/* Where a bucket begins, and its blocks. */
static void put_histogram(const struct ct_profile *profile, const struct ct_site_row *site, enum ct_histogram_kind kind,
			  FILE *out)
{
	const struct ct_buckets *buckets = &site->buckets[kind];
	const char *before = "";
	fputs(kind == CT_HISTOGRAM_SIZES ? ",\"sizes\":[" : ",\"lifetimesNs\":[", out);
	for (unsigned i = 0; i < buckets->count; i++) {
		uint64_t blocks = ct_histogram_blocks(profile, site, kind)[i];
		if (!blocks)
			continue;
		fprintf(out, "%s[%.0f,%" PRIu64 "]", before, ct_bucket_start(profile, kind, buckets->low + i), blocks);
		before = ",";
	}
	putc(']', out);
}

static void put_site(const struct ct_profile *profile, const struct ct_origins *origins, const struct ct_site_row *site,
		     FILE *out)
{
	const uint32_t *ids = profile->frame_ids + site->first_frame;
	putc('{', out);
	ct_put_frame_members(profile, &profile->frames[ids[ct_origin_leaf(profile, origins, site)]], "function",
			     "place", out);
	putc(',', out);
	ct_put_frame_members(profile, &profile->frames[ids[ct_origin_own(profile, origins, site)]], "ownFunction",
			     "ownPlace", out);
	ct_put_counters(profile, &site->counters, true, out);
	ct_put_bool_member(out, "truncated", site->truncated);
	fputs(",\"stack\":[", out);
	for (uint32_t i = 0; i < site->frame_count; i++) {
		if (i)
			putc_unlocked(',', out);
		ct_put_number(out, ids[i] - 1);
	}
	putc(']', out);
	for (int i = 0; i < CT_HISTOGRAM_KINDS && profile->has_histograms; i++)
		put_histogram(profile, site, (enum ct_histogram_kind)i, out);
	put_threads(profile, site, out);
	put_tag(profile, site, out);
	putc('}', out);
}

struct order {
	const struct ct_profile *profile;
	enum ct_metric metric;
};

static int compare_sites(const void *left, const void *right, void *argument)
{
	const struct order *order = argument;
	uint32_t x = *(const uint32_t *)left, y = *(const uint32_t *)right;
	uint64_t a = ct_metric_value(&order->profile->sites[x].counters, order->metric);
	uint64_t b = ct_metric_value(&order->profile->sites[y].counters, order->metric);
	if (a != b)
		return a > b ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void put_sites(const struct ct_profile *profile, enum ct_metric metric, const struct ct_origins *origins,
		      uint32_t *order, FILE *out)
{
	struct order by = {profile, metric};
	for (size_t i = 0; i < profile->site_count; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, profile->site_count, sizeof(*order), compare_sites, &by);
	fputs(",\n\"sites\":[", out);
	for (size_t i = 0; i < profile->site_count && !ferror(out); i++) {
		ct_progress_at(i, profile->site_count);
		fputs(i ? ",\n" : "\n", out);
		put_site(profile, origins, &profile->sites[order[i]], out);
	}
	putc(']', out);
}

/* Unknown parts are left out. */
static void put_frames(const struct ct_profile *profile, FILE *out)
{
	fputs(",\n\"frames\":[", out);
	for (size_t i = 1; i < profile->frame_count; i++) {
		const struct ct_frame *frame = &profile->frames[i];
		fprintf(out, "%s\n{\"text\":", i > 1 ? "," : "");
		ct_put_text(out, profile->strings[frame->text]);
		if (frame->function)
			ct_put_text_member(out, "function", profile->strings[frame->function]);
		if (frame->file)
			ct_put_text_member(out, "file", profile->strings[frame->file]);
		if (frame->line)
			ct_put_number_member(out, "line", frame->line);
		if (frame->module)
			ct_put_text_member(out, "module", profile->strings[frame->module]);
		if (frame->address)
			fprintf(out, ",\"address\":\"0x%" PRIx64 "\"", frame->address);
		ct_put_bool_member(out, "inlined", frame->inlined);
		putc('}', out);
	}
	putc(']', out);
}

static void put_timeline(const struct ct_profile *profile, FILE *out)
{
	fputs(",\n\"timeline\":[", out);
	for (size_t i = 0; i < profile->timeline_count; i++) {
		const struct ct_timeline_point *point = &profile->timeline[i];
		fprintf(out, "%s\n{\"time\":%" PRIu64 ",\"mostBytes\":%" PRIu64 ",\"liveBytes\":%" PRIu64, i ? "," : "",
			point->time, point->max_bytes, point->last_bytes);
		if (ct_profile_has_live_blocks(profile))
			ct_put_number_member(out, "liveBlocks", point->last_blocks);
		if (point->rss_bytes)
			ct_put_number_member(out, "residentBytes", point->rss_bytes);
		putc('}', out);
	}
	putc(']', out);
}

static void put_marks(const struct ct_profile *profile, FILE *out)
{
	fputs(",\n\"marks\":[", out);
	for (size_t i = 0; i < profile->mark_count; i++) {
		const struct ct_profile_mark *mark = &profile->marks[i];
		fprintf(out, "%s\n{\"time\":%" PRIu64, i ? "," : "", mark->time);
		ct_put_text_member(out, "name", mark->name);
		ct_put_number_member(out, "liveBytes", mark->live_bytes);
		ct_put_number_member(out, "liveBlocks", mark->live_blocks);
		ct_put_number_member(out, "totalBytes", mark->total_bytes);
		ct_put_number_member(out, "totalBlocks", mark->total_blocks);
		putc('}', out);
	}
	fputs("]}\n", out);
}

int ct_write_json(const struct ct_profile *profile, enum ct_metric metric, FILE *out, struct ct_error_text *error)
{
	struct ct_origins origins;
	uint32_t *order = calloc(profile->site_count + 1, sizeof(*order));
	bool memory = ct_origins_init(&origins, profile, CT_ORIGIN_RULE) == 0 && order;
	errno = 0;
	if (memory) {
		put_head(profile, metric, out);
		put_sites(profile, metric, &origins, order, out);
		put_frames(profile, out);
		put_timeline(profile, out);
		put_marks(profile, out);
	}
	ct_origins_fini(&origins);
	free(order);
	return memory ? ct_put_end(out, error) : ct_error_no_memory(error);
}
