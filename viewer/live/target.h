/* SPDX-License-Identifier: MIT */
/*
 * A running program whose store is read repeatedly. Its profile includes what was allocated since the previous
 * reading, and how much live memory has grown since a baseline.
 */
#ifndef CT_LIVE_TARGET_H
#define CT_LIVE_TARGET_H

#include "model/profile.h"
#include "util/error.h"

enum ct_target_state {
	CT_TARGET_RUNS,
	CT_TARGET_STOPPED, /* runs, but the recording has stopped; see ct_target_reason */
	CT_TARGET_CLOSED, /* runs, but the recording has ended: the process is exiting or has called exec */
	CT_TARGET_ENDED, /* the numbers are final */
};

struct ct_target;

/* Find the process and read its store for the first time, which sets the first baseline. 0 or < 0. */
int ct_target_open(int pid, struct ct_target **target, struct ct_error_text *error);
void ct_target_close(struct ct_target *target);

/* Read the store again. CT_ERR_MEMORY: the profile is lost. Other codes < 0: it is unchanged. */
int ct_target_refresh(struct ct_target *target, struct ct_error_text *error);

/*
 * From now on, readings take the ledger of the process too (memory/take.h), as often as that costs a tenth of the time
 * at most. Takes the first one. 0 or < 0.
 */
int ct_target_take_ledger(struct ct_target *target, struct ct_error_text *error);

/* Make what is live now the baseline for growth. 0, or < 0 when out of memory. */
int ct_target_set_baseline(struct ct_target *target);

struct ct_profile *ct_target_profile(const struct ct_target *target);
enum ct_target_state ct_target_state(const struct ct_target *target);
const char *ct_target_reason(const struct ct_target *target);
/* Microseconds from the baseline to the latest reading. */
uint64_t ct_target_baseline_us(const struct ct_target *target);

#endif
