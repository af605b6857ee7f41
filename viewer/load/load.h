/* SPDX-License-Identifier: MIT */
/*
 * Loaders turn a file into a profile. Every file is untrusted: a loader checks each index, count and size before using
 * it, and its memory is bounded by the size of the file.
 */
#ifndef CT_LOAD_LOAD_H
#define CT_LOAD_LOAD_H

#include <stdint.h>

#include "load/input.h"
#include "model/profile.h"
#include "util/error.h"

/* Load a file of any known format: a store, DHAT JSON or another tool's. 0 or < 0. */
int ct_load(const char *path, struct ct_profile **profile, struct ct_error_text *error);

/* Load DHAT JSON written by ctrace, Valgrind (dhatFileVersion 2) or dhat-rs. */
int ct_load_dhat(const struct ct_input *input, struct ct_profile **profile, struct ct_error_text *error);

/* Load a file that is not a store. */
int ct_load_report(const struct ct_input *input, struct ct_profile **profile, struct ct_error_text *error);

/* Load a heap profile of another tool (load/other/). */
int ct_load_other(const struct ct_input *input, struct ct_profile **profile, struct ct_error_text *error);

/* Load a store and symbolise it. */
int ct_load_store(const struct ct_input *input, struct ct_profile **profile, struct ct_error_text *error);

struct ct_store_file;

/* Make the profile of an open store. */
int ct_store_profile(const struct ct_store_file *store, struct ct_profile **profile, struct ct_error_text *error);

/*
 * The same for the program's ad-hoc events (ctrace_event) or its copies (CTRACE_COPY), in DHAT's mode for these; and
 * whether there are any.
 */
int ct_store_events(const struct ct_store_file *store, enum ct_profile_mode mode, struct ct_profile **profile,
		    struct ct_error_text *error);
bool ct_store_has_events(const struct ct_store_file *store, enum ct_profile_mode mode);

#endif
