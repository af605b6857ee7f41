/* SPDX-License-Identifier: MIT */
/*
 * Builds the profile of one store. The store may be read repeatedly while its program runs: each address is symbolised
 * only once, and strings, frames and sites keep their ids. It must be the same file each time.
 */
#ifndef CT_LOAD_STORE_STORE_BUILDER_H
#define CT_LOAD_STORE_STORE_BUILDER_H

#include "load/store/store_file.h"
#include "model/profile.h"

struct ct_store_builder;

/* For the heap, or another kind of profile. NULL when out of memory. */
struct ct_store_builder *ct_store_builder_new(void);
struct ct_store_builder *ct_store_builder_new_of(enum ct_profile_mode mode);
void ct_store_builder_free(struct ct_store_builder *builder);

/* Update the profile from the store, except for snapshots. 0, or < 0: the profile is then unusable. */
int ct_store_builder_update(struct ct_store_builder *builder, const struct ct_store_file *store,
			    struct ct_error_text *error);

/* The same for program, modules and snapshots, which few readers need. < 0: out of memory; the profile is unusable. */
int ct_store_builder_complete(struct ct_store_builder *builder, const struct ct_store_file *store,
			      struct ct_error_text *error);

/* Close the object files between two readings: they take 10 to 20 MB. The next update opens those that it needs. */
void ct_store_builder_rest(struct ct_store_builder *builder);

/* The number of the store's sites at the latest update, and the profile's site of one; UINT32_MAX: it has none. */
size_t ct_store_builder_sites(const struct ct_store_builder *builder);
uint32_t ct_store_builder_site(const struct ct_store_builder *builder, size_t site);

/* Take the profile out of the builder, which is freed, and note in the store which modules had their files. */
struct ct_profile *ct_store_builder_release(struct ct_store_builder *builder, const struct ct_store_file *store);

/* The profile, which the builder still owns. */
struct ct_profile *ct_store_builder_profile(struct ct_store_builder *builder);

#endif
