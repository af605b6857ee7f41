/* SPDX-License-Identifier: MIT */
/* Why the numbers of a profile, or of the part that is shown, are not the whole truth. */
#ifndef CT_VIEW_CAVEAT_H
#define CT_VIEW_CAVEAT_H

#include "model/profile.h"
#include "model/select.h"

#define CT_CAVEAT_ROOM 512

/* "1,200 events dropped, 3 calls before start-up; sampled: ..."; "" when there is nothing to say. */
char *ct_caveat(const struct ct_profile *profile, char out[CT_CAVEAT_ROOM]);

/* A line on stderr if the profile comes from a store that was copied while it was written. */
void ct_caveat_torn(const struct ct_profile *profile, const char *path);

/* Lines on stderr about patterns that match nothing. */
void ct_caveat_patterns(const struct ct_selected *selected);

#endif
