/* SPDX-License-Identifier: MIT */
/*
 * Loaders: a file becomes a profile. Every file is untrusted: a loader checks each index, count and
 * size before it uses it, and its memory is bounded by the size of the file.
 */
#ifndef CT_LOAD_LOAD_H
#define CT_LOAD_LOAD_H

#include <stdint.h>

#include "load/input.h"
#include "model/profile.h"
#include "util/error.h"

/* Load any known file: a store, or DHAT JSON. */
int ct_load(const char *path, struct ct_profile **profile, struct ct_error_text *error);
int ct_load_input(const struct ct_input *input, struct ct_profile **profile, struct ct_error_text *error);

/* DHAT JSON of ctrace, Valgrind (dhatFileVersion 2) or dhat-rs. */
int ct_load_dhat(const struct ct_input *input, struct ct_profile **profile, struct ct_error_text *error);

/* A store, symbolised, as a whole profile. */
int ct_load_store(const struct ct_input *input, struct ct_profile **profile, struct ct_error_text *error);

struct ct_store_file;

/* The profile of a store that is open already. */
int ct_store_profile(const struct ct_store_file *store, struct ct_profile **profile, struct ct_error_text *error);

/* The same of the events that the program has counted itself (ctrace_event), in DHAT's ad-hoc mode. Are there any? */
int ct_store_events(const struct ct_store_file *store, struct ct_profile **profile, struct ct_error_text *error);
bool ct_store_has_events(const struct ct_store_file *store);

#endif
