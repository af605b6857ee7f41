/* SPDX-License-Identifier: MIT */
/* Why the numbers of a profile are not the whole truth, for commands that compare or judge them. */
#ifndef CT_VIEW_CAVEAT_H
#define CT_VIEW_CAVEAT_H

#include "model/profile.h"

#define CT_CAVEAT_ROOM 512

/* "1,200 events dropped, 3 calls before start-up; sampled: ..."; "" when there is nothing to say. */
char *ct_caveat(const struct ct_profile *profile, char out[CT_CAVEAT_ROOM]);

#endif
