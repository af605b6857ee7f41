/* SPDX-License-Identifier: MIT */
#include "serve/sites.h"

#include <stdlib.h>
#include <string.h>

#include "model/origin.h"
#include "model/threads.h"

struct hashed {
	uint64_t hash;
	uint64_t live_bytes, total_bytes;
	size_t site; /* one of those with this hash */
};

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 32;
}

static uint64_t hash_text(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u;
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
	return hash;
}

/* By string id, the hash of the text; of a module only its file's name, since folders differ between machines. */
static uint64_t *hash_strings(const struct ct_profile *profile)
{
	uint64_t *hashes = calloc(profile->string_count + 1, sizeof(*hashes));
	for (size_t i = 0; i < profile->string_count && hashes; i++)
		hashes[i] = hash_text(*profile->strings[i] == '/' ? ct_name_base(profile->strings[i])
								  : profile->strings[i]);
	return hashes;
}

static int by_hash(const void *left, const void *right)
{
	const struct hashed *a = left, *b = right;
	return (a->hash > b->hash) - (a->hash < b->hash);
}

static int by_live(const void *left, const void *right)
{
	const struct hashed *a = left, *b = right;
	if (a->live_bytes != b->live_bytes)
		return a->live_bytes < b->live_bytes ? 1 : -1;
	return by_hash(left, right);
}

/* Hash the sites with live blocks, and add up those of equal hashes. Returns their number. */
static size_t hash_sites(const struct ct_profile *profile, const uint64_t *strings, struct hashed *rows)
{
	size_t count = 0, kept = 0;
	for (size_t i = 0; i < profile->site_count; i++) {
		const struct ct_site_row *site = &profile->sites[i];
		if (!site->counters.end_bytes)
			continue;
		uint64_t hash = 0;
		for (uint32_t at = 0; at < site->frame_count; at++) {
			uint32_t id = profile->frame_ids[site->first_frame + at];
			const struct ct_frame *frame = &profile->frames[id];
			if (!ct_thread_label(profile, frame))
				hash = mix(hash, strings[frame->function ? frame->function : frame->module]);
		}
		rows[count++] = (struct hashed){hash, site->counters.end_bytes, site->counters.total_bytes, i};
	}
	qsort(rows, count, sizeof(*rows), by_hash);
	for (size_t i = 0; i < count; i++) {
		if (kept && rows[kept - 1].hash == rows[i].hash) {
			rows[kept - 1].live_bytes += rows[i].live_bytes;
			rows[kept - 1].total_bytes += rows[i].total_bytes;
		} else {
			rows[kept++] = rows[i];
		}
	}
	qsort(rows, kept, sizeof(*rows), by_live);
	return kept;
}

void ct_top_sites(struct ct_served *served, size_t most, struct ct_top_sites *sites)
{
	struct ct_profile *profile;
	struct ct_error_text ignored;
	*sites = (struct ct_top_sites){0};
	if (ct_served_profile(served, &profile, &ignored))
		return;
	struct ct_origins origins;
	uint64_t *strings = hash_strings(profile);
	struct hashed *rows = calloc(profile->site_count + 1, sizeof(*rows));
	sites->rows = calloc(most, sizeof(*sites->rows));
	if (!ct_origins_init(&origins, profile, CT_ORIGIN_RULE) && strings && rows && sites->rows) {
		size_t count = hash_sites(profile, strings, rows);
		for (size_t i = 0; i < count && i < most; i++) {
			const struct ct_site_row *site = &profile->sites[rows[i].site];
			uint32_t own = ct_origin_own(profile, &origins, site);
			struct ct_top_site *row = &sites->rows[sites->count++];
			*row = (struct ct_top_site){.hash = rows[i].hash,
						    .live_bytes = rows[i].live_bytes,
						    .total_bytes = rows[i].total_bytes};
			ct_name_short(profile, &profile->frames[profile->frame_ids[site->first_frame + own]],
				      row->name);
		}
	}
	ct_origins_fini(&origins);
	free(strings);
	free(rows);
}

void ct_top_sites_free(struct ct_top_sites *sites)
{
	free(sites->rows);
	*sites = (struct ct_top_sites){0};
}
