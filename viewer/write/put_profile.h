/* SPDX-License-Identifier: MIT */
/* Writes the parts of a profile that all JSON formats have, under the names in docs/json.md. */
#ifndef CT_WRITE_PUT_PROFILE_H
#define CT_WRITE_PUT_PROFILE_H

#include "model/metric.h"
#include "model/profile.h"
#include "write/put_json.h"

void ct_put_bool_member(FILE *out, const char *name, bool value);

/* Write the counters that the profile has, as members. more: they follow another member. */
void ct_put_counters(const struct ct_profile *profile, const struct ct_counters *counters, bool more, FILE *out);

/* Write the frame's function and its place, as two members. */
void ct_put_frame_members(const struct ct_profile *profile, const struct ct_frame *frame, const char *function_member,
			  const char *place_member, FILE *out);

/* Write the members from "producer" to "totals", after a comma. */
void ct_put_profile(const struct ct_profile *profile, FILE *out);

#endif
