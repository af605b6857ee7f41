/* SPDX-License-Identifier: MIT */
/* Reads what is known about the process of a store: its program, host, start and modules. Some formats write these. */
#ifndef CT_LOAD_STORE_STORE_PROCESS_H
#define CT_LOAD_STORE_STORE_PROCESS_H

#include "load/store/store_file.h"
#include "model/profile.h"

/* Fill in program, host, start_unix_ns and modules. 0, or < 0 when out of memory. */
int ct_store_facts(const struct ct_store_file *store, struct ct_profile *profile);

#endif
