/* SPDX-License-Identifier: MIT */
/* The interactive view of a file or of a running program. */
#ifndef CT_LIVE_LIVE_H
#define CT_LIVE_LIVE_H

#include "live/rows.h"
#include "live/target.h"

/* Can the view be shown on our standard streams? */
bool ct_live_possible(void);

struct ct_live_request {
	const struct ct_view *view; /* the profile, colours, initial sort and exact */
	enum ct_rows_kind kind;
	const struct ct_leaks *suppressions; /* the rules for CT_ROWS_LEAKS */
	struct ct_target *target; /* NULL = the view's profile does not change */
};

/* Run until the user quits. 0 or < 0. */
int ct_live_run(const struct ct_live_request *request, struct ct_error_text *error);

#endif
