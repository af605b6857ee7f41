/* SPDX-License-Identifier: MIT */
/* Says why the numbers of a profile, or of its selected part, are incomplete. */
#ifndef CT_VIEW_CAVEAT_H
#define CT_VIEW_CAVEAT_H

#include "model/profile.h"
#include "model/select.h"

#define CT_CAVEAT_ROOM 512

/* Write "1,200 events dropped, 3 calls before start-up; sampled: ..." to out, "" if nothing is missing. Returns out. */
char *ct_caveat(const struct ct_profile *profile, char out[CT_CAVEAT_ROOM]);

/* Print a line to stderr if the profile comes from a store that was copied while being written. */
void ct_caveat_torn(const struct ct_profile *profile, const char *path);

/* Print a line to stderr if the profile has no ledger although its recording wanted one. */
void ct_caveat_memory(const struct ct_profile *profile);

/* Both, for a report or store that the user has named. */
void ct_caveat_input(const struct ct_profile *profile, const char *path);

/* Print lines to stderr about patterns that match nothing, and about limits of blocks that could not decide. */
void ct_caveat_selected(const struct ct_selected *selected);

#endif
