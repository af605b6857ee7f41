/* SPDX-License-Identifier: MIT */
/*
 * What the Leaks view of the interactive view knows beside its rows: which sites are leak candidates, which of them
 * have a finding of `ctrace advise`, and the verdict in a sentence.
 */
#ifndef CT_LIVE_LEAKING_H
#define CT_LIVE_LEAKING_H

#include "model/advise.h"
#include "model/leaks.h"

struct ct_leaking {
	struct ct_leaks leaks; /* its rules belong to the caller */
	struct ct_findings findings; /* empty if the profile does not allow advice */
	bool *left_out; /* by site: it is no candidate and has no finding, or it was left out before */
	char verdict[CT_ADVICE_ROOM * 2];
};

/* Can the profile have leaks: does it say what is live? */
bool ct_leaking_possible(const struct ct_profile *profile);

/* Look for them. filtered flags sites to skip; NULL: skip none. 0, or < 0 when out of memory. */
int ct_leaking_find(struct ct_leaking *leaking, const struct ct_profile *profile, const bool *filtered);

void ct_leaking_fini(struct ct_leaking *leaking);

#endif
