/* SPDX-License-Identifier: MIT */
/* Export of a store to the place that its recording named. */
#ifndef CT_EXPORT_H
#define CT_EXPORT_H

#include <stdbool.h>

#include "load/store_file.h"
#include "model/profile.h"
#include "util/error.h"

/* Where a store's report goes when nobody says it; free it. NULL without memory. */
char *ct_export_output(const char *store_path, const struct ct_store_file *store);

/* Write a profile as DHAT JSON to a file, or "-" for stdout. */
int ct_export_write(const struct ct_profile *profile, const char *path, struct ct_error_text *error);

/*
 * Write a store's report to the path in its header (next to the store when that folder is gone).
 * remove_store: the store goes after a good export. Unless quiet, the summary goes to stderr.
 */
int ct_export_store(const char *store_path, bool remove_store, bool quiet, struct ct_error_text *error);

#endif
