/* SPDX-License-Identifier: MIT */
/* What the JSON formats have of a profile as a whole, as docs/json.md names it. */
#ifndef CT_WRITE_PUT_PROFILE_H
#define CT_WRITE_PUT_PROFILE_H

#include "model/metric.h"
#include "model/profile.h"
#include "write/put_json.h"

void ct_put_bool_member(FILE *out, const char *name, bool value);

/* The counters that the profile has, as members; `more`: another member stands before. */
void ct_put_counters(const struct ct_profile *profile, const struct ct_counters *counters, bool more, FILE *out);

/* "producer" to "totals", with a comma in front. */
void ct_put_profile(const struct ct_profile *profile, FILE *out);

#endif
