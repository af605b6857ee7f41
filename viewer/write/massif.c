/* SPDX-License-Identifier: MIT */
/*
 * Writes Massif's format, for ms_print and massif-visualizer: what was live at the end of each interval of the
 * timeline, and heap trees (write/massif_tree.h) of the profile's snapshots, of the peak and of the end.
 *
 * Readers expect whole milliseconds. Of several points in one millisecond, only the last is kept.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctrace/version.h"
#include "util/progress.h"
#include "write/massif_tree.h"
#include "write/put_json.h"
#include "write/write.h"

/* Moments at the same time come in this order. */
enum kind {
	AT_START,
	AT_POINT,
	AT_SNAPSHOT,
	AT_PEAK,
	AT_END,
};

struct moment {
	uint64_t time;
	uint64_t bytes;
	enum kind kind;
	size_t index; /* in the profile's snapshots */
};

struct massif {
	const struct ct_profile *profile;
	FILE *out;
	uint64_t divisor; /* from the profile's unit of time to the file's */
	struct moment *moments;
	size_t count;
	struct ct_massif_tree tree;
};

static void add(struct massif *massif, uint64_t time, uint64_t bytes, enum kind kind, size_t index)
{
	/* Even in a damaged report, no moment may come after the end. */
	if (time > massif->profile->end_time)
		time = massif->profile->end_time;
	massif->moments[massif->count++] = (struct moment){time, bytes, kind, index};
}

static int compare_moments(const void *left, const void *right)
{
	const struct moment *a = left, *b = right;
	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

/* Drop a point of the timeline if another point, a snapshot or the end falls into the same millisecond. */
static void drop_covered(struct massif *massif)
{
	size_t kept = 0;
	for (size_t i = 0; i < massif->count; i++) {
		struct moment *moment = &massif->moments[i];
		moment->time /= massif->divisor;
		if (kept && moment->kind != AT_PEAK && massif->moments[kept - 1].kind == AT_POINT &&
		    massif->moments[kept - 1].time == moment->time)
			kept--;
		massif->moments[kept++] = *moment;
	}
	massif->count = kept;
}

static void collect(struct massif *massif)
{
	const struct ct_profile *profile = massif->profile;
	add(massif, 0, 0, AT_START, 0);
	for (size_t i = 0; i < profile->timeline_count; i++)
		add(massif, profile->timeline[i].time, profile->timeline[i].last_bytes, AT_POINT, i);
	for (size_t i = 0; i < profile->snapshot_count; i++)
		if (profile->snapshots[i].bytes && !profile->snapshots[i].partial)
			add(massif, profile->snapshots[i].time, profile->snapshots[i].bytes, AT_SNAPSHOT, i);
	add(massif, profile->peak_time, profile->totals.peak_bytes, AT_PEAK, 0);
	add(massif, profile->end_time, profile->totals.end_bytes, AT_END, 0);
	qsort(massif->moments, massif->count, sizeof(*massif->moments), compare_moments);
	drop_covered(massif);
}

/* Set each site's bytes at a moment. */
static void fill_tree(struct massif *massif, const struct moment *moment)
{
	const struct ct_profile *profile = massif->profile;
	if (moment->kind == AT_SNAPSHOT) {
		const struct ct_snapshot *snapshot = &profile->snapshots[moment->index];
		for (size_t i = 0; i < snapshot->row_count; i++)
			massif->tree.bytes[snapshot->rows[i].site] += snapshot->rows[i].bytes;
		return;
	}
	for (size_t i = 0; i < profile->site_count; i++)
		massif->tree.bytes[i] = moment->kind == AT_PEAK ? profile->sites[i].counters.peak_bytes
								: profile->sites[i].counters.end_bytes;
}

static void put_head(const struct massif *massif)
{
	const struct ct_profile *profile = massif->profile;
	fputs("desc: ctrace " CTRACE_VERSION, massif->out);
	if (profile->torn)
		fputs(", " CT_TORN_TEXT, massif->out);
	if (profile->sample_bytes)
		fprintf(massif->out, ", " CT_SAMPLED_TEXT, profile->sample_bytes);
	fputs("\ncmd: ", massif->out);
	ct_massif_put_text(profile->command, massif->out);
	fprintf(massif->out, "\ntime_unit: %s\n", massif->divisor > 1 ? "ms" : "i");
}

/* Write one moment. 0, or < 0 when out of memory. */
static int put_moment(struct massif *massif, size_t number)
{
	static const char *const trees[] = {"empty", "empty", "detailed", "peak", "detailed"};
	const struct moment *moment = &massif->moments[number];
	fprintf(massif->out,
		"#-----------\nsnapshot=%zu\n#-----------\ntime=%" PRIu64 "\nmem_heap_B=%" PRIu64
		"\nmem_heap_extra_B=0\nmem_stacks_B=0\nheap_tree=%s\n",
		number, moment->time, moment->bytes, trees[moment->kind]);
	if (moment->kind < AT_SNAPSHOT)
		return 0;
	fill_tree(massif, moment);
	return ct_massif_tree_put(&massif->tree, moment->bytes, massif->out);
}

int ct_write_massif(const struct ct_profile *profile, enum ct_metric metric, FILE *out, struct ct_error_text *error)
{
	(void)metric; /* the file has live bytes over time */
	struct massif massif = {
		.profile = profile,
		.out = out,
		.divisor = strcmp(profile->time_unit, "µs") ? 1 : 1000,
		.moments = calloc(profile->timeline_count + profile->snapshot_count + 3, sizeof(struct moment)),
	};
	bool memory = ct_massif_tree_init(&massif.tree, profile) == 0 && massif.moments;
	errno = 0;
	if (memory) {
		collect(&massif);
		put_head(&massif);
		for (size_t i = 0; i < massif.count && memory && !ferror(out); i++) {
			ct_progress_at(i, massif.count);
			memory = put_moment(&massif, i) == 0;
		}
	}
	ct_massif_tree_fini(&massif.tree);
	free(massif.moments);
	return memory ? ct_put_end(out, error) : ct_error_no_memory(error);
}
