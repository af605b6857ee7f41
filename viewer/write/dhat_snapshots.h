/* SPDX-License-Identifier: MIT */
/* The members "snapshots" and "moments" of a DHAT report (write/dhat.c): what was live at some moments, by site. */
#ifndef CT_WRITE_DHAT_SNAPSHOTS_H
#define CT_WRITE_DHAT_SNAPSHOTS_H

#include <stdbool.h>
#include <stdio.h>

#include "model/profile.h"

/*
 * Write both members, with a comma before each. order: the sites in the order of the report; place_of: each site's
 * index in it. False when out of memory.
 */
bool ct_put_dhat_snapshots(const struct ct_profile *profile, const uint32_t *order, const uint32_t *place_of,
			   FILE *out);

#endif
