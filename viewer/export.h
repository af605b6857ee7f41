/* SPDX-License-Identifier: MIT */
/* Export of a store to the place that its recording named. */
#ifndef CT_EXPORT_H
#define CT_EXPORT_H

#include <stdbool.h>

#include "load/store_file.h"
#include "model/profile.h"
#include "util/error.h"

/* The same file, perhaps by two names? */
bool ct_export_same_file(const char *a, const char *b);

/*
 * Where a store's report goes when nobody says it: where the recording wanted it as long as the store is there too,
 * else beside the store. Free it. NULL without memory.
 */
char *ct_export_output(const char *store_path, const struct ct_store_file *store);

/* Write a profile as DHAT JSON to a file, or "-" for stdout. */
int ct_export_write(const struct ct_profile *profile, const char *path, struct ct_error_text *error);

/*
 * Write a store's report to ct_export_output. remove_store: the store goes after a good export, unless its
 * recording asked to keep it. Unless quiet, or asked to be by the recording, a summary of a few lines
 * goes to stderr.
 */
int ct_export_store(const char *store_path, bool remove_store, bool quiet, struct ct_error_text *error);

#endif
