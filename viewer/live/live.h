/* SPDX-License-Identifier: MIT */
/* The interactive view of a file or of a running program. */
#ifndef CT_LIVE_LIVE_H
#define CT_LIVE_LIVE_H

#include "live/rows.h"
#include "live/target.h"

/* Can it be shown on these standard streams? */
bool ct_live_possible(void);

struct ct_live_request {
	const struct ct_view *view; /* profile, colours, first sort, exact */
	enum ct_rows_kind kind;
	struct ct_target *target; /* NULL = the view's profile does not change */
};

/* Until the user quits. 0 or < 0. */
int ct_live_run(const struct ct_live_request *request, struct ct_error_text *error);

#endif
