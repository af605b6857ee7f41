/* SPDX-License-Identifier: MIT */
#include "write/dhat_snapshots.h"

#include <stdlib.h>

#include "write/put_json.h"

#define SNAPSHOT_REST 100 /* a snapshot omits its smallest sites, up to 1/100 of its bytes */
#define SNAPSHOT_ROWS 1000 /* a snapshot has at most this many sites */

struct writer {
	const struct ct_profile *profile;
	const uint32_t *order, *place_of;
	bool *stays; /* by index in order: every snapshot has the site, however small */
	FILE *out;
};

/* A snapshot's row for an index in pps. A site that occurs twice in the snapshot has one row. */
struct live {
	uint64_t bytes;
	uint64_t blocks;
	uint32_t place;
};

static int compare_live(const void *left, const void *right)
{
	const struct live *a = left, *b = right;
	if (a->bytes != b->bytes)
		return a->bytes > b->bytes ? -1 : 1;
	return a->place < b->place ? -1 : a->place > b->place;
}

/* `live` has a row for each site, in the order of pps, all zeros; and so has it after the call. */
static void put_snapshot(const struct writer *writer, const struct ct_snapshot *snapshot, struct live *live,
			 struct live *sorted)
{
	size_t count = 0, rows = 0;
	uint64_t told = 0, enough = snapshot->bytes - snapshot->bytes / SNAPSHOT_REST;
	for (size_t i = 0; i < snapshot->row_count; i++) {
		struct live *sum = &live[writer->place_of[snapshot->rows[i].site]];
		sum->place = writer->place_of[snapshot->rows[i].site];
		sum->bytes += snapshot->rows[i].bytes;
		sum->blocks += snapshot->rows[i].blocks;
	}
	for (size_t i = 0; i < snapshot->row_count; i++) {
		struct live *sum = &live[writer->place_of[snapshot->rows[i].site]];
		if (sum->bytes)
			sorted[count++] = *sum;
		*sum = (struct live){0};
	}
	qsort(sorted, count, sizeof(*sorted), compare_live);
	uint64_t totals[] = {snapshot->time, snapshot->bytes, snapshot->blocks};
	putc('[', writer->out);
	ct_put_numbers(writer->out, totals, 3);
	fputs(",[", writer->out);
	for (size_t i = 0; i < count; i++) {
		uint64_t numbers[] = {sorted[i].place, sorted[i].bytes, sorted[i].blocks};
		bool large = i < SNAPSHOT_ROWS && told < enough;
		if (!large && (snapshot->partial || !writer->stays[sorted[i].place]))
			continue;
		told += sorted[i].bytes;
		ct_put_row(writer->out, rows++ ? "," : "", numbers, 3);
	}
	fputs("]]", writer->out);
}

/* Flag the sites with most bytes live at the end: a small leak is among them, whatever else was live before. */
static bool find_staying(struct writer *writer, struct live *live)
{
	size_t count = writer->profile->site_count;
	writer->stays = calloc(count + 1, sizeof(*writer->stays));
	for (size_t i = 0; i < count && writer->stays; i++)
		live[i] = (struct live){.place = (uint32_t)i,
					.bytes = writer->profile->sites[writer->order[i]].counters.end_bytes};
	if (count && writer->stays)
		qsort(live, count, sizeof(*live), compare_live);
	for (size_t i = 0; i < count && i < SNAPSHOT_ROWS && live[i].bytes && writer->stays; i++)
		writer->stays[live[i].place] = true;
	return writer->stays != NULL;
}

bool ct_put_dhat_snapshots(const struct ct_profile *profile, const uint32_t *order, const uint32_t *place_of, FILE *out)
{
	struct writer it = {profile, order, place_of, NULL, out}, *writer = &it;
	struct live *live = calloc(profile->site_count + 1, sizeof(*live));
	struct live *sorted = calloc(profile->site_count + 1, sizeof(*sorted));
	bool ok = live && sorted;
	if (ok && profile->snapshot_count)
		ok = find_staying(writer, sorted);
	for (int partial = 0; partial < 2; partial++) {
		size_t written = 0;
		fputs(partial ? ",\n\"moments\":[" : ",\n\"snapshots\":[", writer->out);
		for (size_t i = 0; i < profile->snapshot_count && ok; i++) {
			if (profile->snapshots[i].partial != partial)
				continue;
			fputs(written++ ? ",\n" : "\n", writer->out);
			put_snapshot(writer, &profile->snapshots[i], live, sorted);
		}
		fputs("]", writer->out);
	}
	free(it.stays);
	free(live);
	free(sorted);
	return ok;
}
