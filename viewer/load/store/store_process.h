/* SPDX-License-Identifier: MIT */
/* What a store knows beside its sites, for formats that name files and times. */
#ifndef CT_LOAD_STORE_STORE_PROCESS_H
#define CT_LOAD_STORE_STORE_PROCESS_H

#include "load/store/store_file.h"
#include "model/profile.h"

/* Fill program, start_unix_ns and modules. 0, or < 0 without memory. */
int ct_store_facts(const struct ct_store_file *store, struct ct_profile *profile);

#endif
