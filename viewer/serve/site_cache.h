/* SPDX-License-Identifier: MIT */
/*
 * The call stacks of a store under numbers that stay the same (ct_chain_numbers, as in tables). It takes 8 bytes for
 * each stack, so that the stacks with most live bytes are found at each reading of the store without a profile.
 */
#ifndef CT_SERVE_SITE_CACHE_H
#define CT_SERVE_SITE_CACHE_H

#include "load/store/store_builder.h"

#define CT_TOP_SITES_MAX 100 /* of a process */

struct ct_site_sum {
	uint64_t hash; /* never 0 */
	uint64_t live_bytes, total_bytes;
};

struct ct_site_cache {
	uint64_t *hashes; /* by site of the store; 0: not known */
	size_t count;
	struct ct_site_sum top[CT_TOP_SITES_MAX]; /* those with most live bytes, the largest first */
	size_t top_count;
	bool stale; /* the store has sites whose names are not known */
};

/* By site of a profile, a hash of all that its frames say, so that only equal stacks have it. To be freed. NULL when
 * out of memory. */
uint64_t *ct_stack_hashes(const struct ct_profile *profile);

/* From a profile that was just read, and the hash of each of its sites. NULL when out of memory. */
struct ct_site_cache *ct_site_cache_new(struct ct_store_builder *builder, const uint64_t *hashes);
void ct_site_cache_free(struct ct_site_cache *cache);

/* The store was read again. */
void ct_site_cache_read(struct ct_site_cache *cache, const struct ct_store_file *store);

#endif
