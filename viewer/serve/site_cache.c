/* SPDX-License-Identifier: MIT */
#include "serve/site_cache.h"

#include <stdlib.h>
#include <string.h>

#include "util/hash.h"

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 32;
}

static uint64_t hash_site(const struct ct_profile *profile, const struct ct_site_row *site, const uint64_t *strings)
{
	uint64_t hash = 0;
	for (uint32_t at = 0; at < site->frame_count; at++) {
		const struct ct_frame *frame = &profile->frames[profile->frame_ids[site->first_frame + at]];
		hash = mix(hash, strings[frame->text] + frame->inlined);
	}
	return hash;
}

uint64_t *ct_stack_hashes(const struct ct_profile *profile)
{
	uint64_t *strings = calloc(profile->string_count + 1, sizeof(*strings));
	uint64_t *hashes = calloc(profile->site_count + 1, sizeof(*hashes));
	for (size_t i = 0; i < profile->string_count && strings; i++)
		strings[i] = ct_hash_text(CT_HASH_START, profile->strings[i]);
	for (size_t i = 0; i < profile->site_count && strings && hashes; i++)
		hashes[i] = hash_site(profile, &profile->sites[i], strings);
	if (!strings) {
		free(hashes);
		hashes = NULL;
	}
	free(strings);
	return hashes;
}

static int by_hash(const void *left, const void *right)
{
	const struct ct_site_sum *a = left, *b = right;
	return (a->hash > b->hash) - (a->hash < b->hash);
}

static int by_live(const void *left, const void *right)
{
	const struct ct_site_sum *a = left, *b = right;
	if (a->live_bytes != b->live_bytes)
		return a->live_bytes < b->live_bytes ? 1 : -1;
	return by_hash(left, right);
}

/* Add up the sums of equal hashes, and keep the largest. */
static void keep_top(struct ct_site_cache *cache, struct ct_site_sum *sums, size_t count)
{
	size_t kept = 0;
	qsort(sums, count, sizeof(*sums), by_hash);
	for (size_t i = 0; i < count; i++) {
		if (kept && sums[kept - 1].hash == sums[i].hash) {
			sums[kept - 1].live_bytes += sums[i].live_bytes;
			sums[kept - 1].total_bytes += sums[i].total_bytes;
		} else {
			sums[kept++] = sums[i];
		}
	}
	qsort(sums, kept, sizeof(*sums), by_live);
	cache->top_count = kept < CT_TOP_SITES_MAX ? kept : CT_TOP_SITES_MAX;
	memcpy(cache->top, sums, cache->top_count * sizeof(*sums));
}

struct ct_site_cache *ct_site_cache_new(struct ct_store_builder *builder, const uint64_t *hashes)
{
	const struct ct_profile *profile = ct_store_builder_profile(builder);
	struct ct_site_cache *cache = calloc(1, sizeof(*cache));
	struct ct_site_sum *sums = calloc(profile->site_count + 1, sizeof(*sums));
	size_t count = 0;
	if (cache) {
		cache->count = ct_store_builder_sites(builder);
		cache->hashes = calloc(cache->count + 1, sizeof(*cache->hashes));
	}
	if (!cache || !cache->hashes || !sums) {
		ct_site_cache_free(cache);
		free(sums);
		return NULL;
	}
	for (size_t i = 0; i < cache->count; i++) {
		uint32_t site = ct_store_builder_site(builder, i);
		cache->hashes[i] = site < profile->site_count ? hashes[site] : 0;
	}
	for (size_t i = 0; i < profile->site_count; i++)
		if (profile->sites[i].counters.end_bytes)
			sums[count++] = (struct ct_site_sum){hashes[i], profile->sites[i].counters.end_bytes,
							     profile->sites[i].counters.total_bytes};
	keep_top(cache, sums, count);
	free(sums);
	return cache;
}

void ct_site_cache_free(struct ct_site_cache *cache)
{
	if (cache)
		free(cache->hashes);
	free(cache);
}

void ct_site_cache_read(struct ct_site_cache *cache, const struct ct_store_file *store)
{
	struct ct_site_sum *sums = calloc(store->site_count + 1, sizeof(*sums));
	size_t count = 0;
	cache->stale = !sums;
	for (size_t i = 1; i < store->site_count && !cache->stale; i++) {
		const struct ct_site *site = &store->sites[i];
		if (!site->total_blocks || site->live_bytes <= 0 || ct_store_is_event(store, site))
			continue;
		if (i < cache->count && cache->hashes[i])
			sums[count++] =
				(struct ct_site_sum){cache->hashes[i], (uint64_t)site->live_bytes, site->total_bytes};
		else
			cache->stale = true;
	}
	if (!cache->stale)
		keep_top(cache, sums, count);
	free(sums);
}
