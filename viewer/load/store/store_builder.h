/* SPDX-License-Identifier: MIT */
/*
 * A profile made of one store, which may be read again while its program runs: each address is symbolised once,
 * and strings, frames and sites keep their ids. The store must be of the same file each time.
 */
#ifndef CT_LOAD_STORE_STORE_BUILDER_H
#define CT_LOAD_STORE_STORE_BUILDER_H

#include "load/store/store_file.h"
#include "model/profile.h"

struct ct_store_builder;

/* NULL without memory. */
struct ct_store_builder *ct_store_builder_new(void);
void ct_store_builder_free(struct ct_store_builder *builder);

/* Give the profile the store's counters, without its snapshots. 0, or < 0: then the profile holds nothing useful. */
int ct_store_builder_update(struct ct_store_builder *builder, const struct ct_store_file *store,
			    struct ct_error_text *error);

/* The profile, which stays the builder's. */
struct ct_profile *ct_store_builder_profile(struct ct_store_builder *builder);

#endif
