/* SPDX-License-Identifier: MIT */
/*
 * The call graph: what functions allocate themselves, and what they allocate below each call. A stack with recursion
 * counts once for a call, however often the call is in it. So a call's number never exceeds the total.
 */
#ifndef CT_WRITE_CALLS_H
#define CT_WRITE_CALLS_H

#include "model/metric.h"
#include "model/profile.h"

#define CT_CALLS_VALUES_MAX 4
#define CT_CALLS_SELF UINT32_MAX /* as the callee: the caller itself allocates */
#define CT_CALLS_LEFT_OUT UINT32_MAX /* as a label: frames that the graph does not have */

struct ct_call {
	uint32_t caller, callee; /* labels */
	uint32_t file, line; /* of the call; 0 if lines were not asked for */
	size_t latest; /* the last site that was added, plus 1 */
	bool skips; /* in some stack, at its outermost call, frames in between were left out */
	uint64_t values[CT_CALLS_VALUES_MAX];
};

struct ct_calls {
	const struct ct_profile *profile;
	const uint32_t *labels; /* by frame id */
	const enum ct_metric *metrics;
	size_t metric_count;
	bool lines; /* calls from different lines are different */
	struct ct_call *rows; /* sorted by caller, file, line and callee */
	size_t count, room;
	uint32_t *slots; /* hash table: index in rows plus 1 */
	size_t slot_count;
};

/* Fill in calls->rows; the caller sets the members before it. 0, or < 0 when out of memory; call ct_calls_fini always.
 */
int ct_calls_init(struct ct_calls *calls);
void ct_calls_fini(struct ct_calls *calls);

#endif
