/* SPDX-License-Identifier: MIT */
#include "model/what_if.h"

#include <stdlib.h>

#include "model/histogram.h"
#include "model/metric.h"
#include "names/names.h"
#include "util/array.h"

/* Thresholds; ctrace-advise(1) lists them. */
#define CUT_MAX 8 /* a size is made smaller by at most this fraction of it */
#define GAIN_MIN 2 /* bytes that the class shrinks for each byte of the cut */
#define SAVED_SHARE_MIN 0.01 /* of the peak */
#define SAVED_MIN 65536

/* The blocks of one site that has a single size. */
struct lone {
	uint32_t key; /* of the own frame's function */
	uint32_t site;
	uint64_t bytes, blocks;
};

/* The size of all blocks of a site, or 0: it is not known, or there are several. */
static uint64_t lone_size(const struct ct_profile *profile, const struct ct_site_row *site)
{
	const struct ct_counters *c = &site->counters;
	if (profile->has_details)
		return c->smallest_bytes == c->largest_bytes ? c->largest_bytes : 0;
	return 0;
}

/* The average slack of a site's blocks. Within a bucket, all sizes count as equally frequent. */
static double average_slack(enum ct_allocator allocator, const struct ct_profile *profile,
			    const struct ct_site_row *site)
{
	const struct ct_counters *c = &site->counters;
	const struct ct_buckets *buckets = &site->buckets[CT_HISTOGRAM_SIZES];
	uint64_t average = c->peak_bytes / c->peak_blocks;
	double sum = 0, blocks = 0;
	for (unsigned i = 0; profile->has_histograms && i < buckets->count; i++) {
		uint64_t low = UINT64_C(1) << (buckets->low + i), high = low * 2 - 1;
		if (profile->has_details) {
			low = low < c->smallest_bytes ? c->smallest_bytes : low;
			high = high > c->largest_bytes ? c->largest_bytes : high;
		}
		double count = (double)ct_histogram_blocks(profile, site, CT_HISTOGRAM_SIZES)[i];
		if (!count || low > high)
			continue;
		sum += count * ct_class_slack(allocator, low, high);
		blocks += count;
	}
	return blocks > 0 ? sum / blocks : ct_class_slack(allocator, average, average);
}

static void add_taken(struct ct_what_if *what_if, const struct ct_profile *profile, const struct ct_site_row *site)
{
	const struct ct_counters *c = &site->counters;
	uint64_t size = lone_size(profile, site);
	if (!size)
		what_if->estimated_bytes += c->peak_bytes;
	for (int i = 0; i < CT_ALLOCATORS; i++) {
		enum ct_allocator allocator = (enum ct_allocator)i;
		what_if->taken[i] +=
			size ? (double)c->peak_blocks * (double)ct_class_bytes(allocator, size)
			     : (double)c->peak_bytes + (double)c->peak_blocks * average_slack(allocator, profile, site);
	}
}

/* Fill in what blocks of the smaller size would save. False: it is not worth a change. */
static bool try_smaller(struct ct_smaller_size *row, uint64_t smaller, double peak_bytes)
{
	row->most = 0;
	row->smaller = smaller;
	for (int i = 0; i < CT_ALLOCATORS; i++) {
		uint64_t each = ct_class_bytes((enum ct_allocator)i, row->bytes) -
				ct_class_bytes((enum ct_allocator)i, smaller);
		bool gains = each >= GAIN_MIN * (row->bytes - smaller);
		if (__builtin_mul_overflow(each, row->blocks, &row->saved[i]))
			row->saved[i] = UINT64_MAX;
		if (gains && row->saved[i] > row->most)
			row->most = row->saved[i];
	}
	return row->most >= SAVED_MIN && (double)row->most >= SAVED_SHARE_MIN * peak_bytes;
}

/* Choose the smaller size that saves most with any allocator. False: none is worth a change. */
static bool find_smaller(struct ct_smaller_size *row, double peak_bytes)
{
	struct ct_smaller_size best = *row;
	for (int i = 0; i < CT_ALLOCATORS; i++) {
		uint64_t below = ct_class_below((enum ct_allocator)i, row->bytes);
		struct ct_smaller_size other = *row;
		if (below && row->bytes - below <= row->bytes / CUT_MAX && try_smaller(&other, below, peak_bytes) &&
		    other.most > best.most)
			best = other;
	}
	*row = best;
	return row->most > 0;
}

static int compare_lone(const void *left, const void *right)
{
	const struct lone *x = left, *y = right;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? -1 : 1;
	if (x->blocks != y->blocks)
		return x->blocks > y->blocks ? -1 : 1;
	return x->site < y->site ? -1 : x->site > y->site;
}

static int compare_rows(const void *left, const void *right)
{
	const struct ct_smaller_size *x = left, *y = right;
	if (x->most != y->most)
		return x->most > y->most ? -1 : 1;
	return x->site < y->site ? -1 : x->site > y->site;
}

/* Make a row for each function and size that a smaller size helps. False when out of memory. */
static bool find_rows(struct ct_what_if *what_if, const struct ct_profile *profile, struct lone *lones, size_t count)
{
	size_t room = 0;
	qsort(lones, count, sizeof(*lones), compare_lone);
	for (size_t i = 0, end; i < count; i = end) {
		const struct ct_site_row *site = &profile->sites[lones[i].site];
		struct ct_smaller_size row = {.site = lones[i].site,
					      .frame = ct_origin_own(profile, &what_if->origins, site),
					      .bytes = lones[i].bytes};
		for (end = i; end < count && lones[end].key == lones[i].key && lones[end].bytes == row.bytes; end++) {
			row.blocks += lones[end].blocks;
			row.site_count++;
		}
		if (!find_smaller(&row, (double)profile->totals.peak_bytes))
			continue;
		if (!ct_array_room(&what_if->rows, &room, what_if->count + 1, sizeof(row)))
			return false;
		what_if->rows[what_if->count++] = row;
	}
	if (what_if->count)
		qsort(what_if->rows, what_if->count, sizeof(*what_if->rows), compare_rows);
	return true;
}

int ct_what_if(const struct ct_profile *profile, struct ct_what_if *what_if, struct ct_error_text *error)
{
	*what_if = (struct ct_what_if){.recorded_slack = -1};
	if (profile->mode != CT_MODE_HEAP || !ct_metric_exists(profile, CT_METRIC_PEAK_BYTES) ||
	    !ct_metric_exists(profile, CT_METRIC_PEAK_BLOCKS))
		return ct_error_set(error, CT_ERR_USAGE,
				    "does not know what was live at the peak, which --what-if is about");
	struct lone *lones = calloc(profile->site_count + 1, sizeof(*lones));
	bool memory = lones && ct_origins_init(&what_if->origins, profile, CT_ORIGIN_RULE) == 0;
	size_t count = 0;
	for (size_t i = 0; memory && i < profile->site_count; i++) {
		const struct ct_site_row *site = &profile->sites[i];
		if (!site->counters.peak_blocks)
			continue;
		add_taken(what_if, profile, site);
		uint32_t own = ct_origin_own(profile, &what_if->origins, site);
		const struct ct_frame *frame = &profile->frames[profile->frame_ids[site->first_frame + own]];
		if (lone_size(profile, site))
			lones[count++] = (struct lone){ct_name_key(frame), (uint32_t)i, lone_size(profile, site),
						       site->counters.peak_blocks};
	}
	const struct ct_counters *totals = &profile->totals;
	if (profile->has_slack && totals->total_bytes)
		what_if->recorded_slack =
			(double)totals->slack_bytes / (double)totals->total_bytes * (double)totals->peak_bytes;
	memory = memory && find_rows(what_if, profile, lones, count);
	free(lones);
	return memory ? CT_OK : ct_error_no_memory(error);
}

void ct_what_if_fini(struct ct_what_if *what_if)
{
	ct_origins_fini(&what_if->origins);
	free(what_if->rows);
	what_if->rows = NULL;
}
