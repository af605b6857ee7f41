/* SPDX-License-Identifier: MIT */
/*
 * A running program whose store is read again and again: its profile, with what was allocated since the reading
 * before, and how live memory has grown since a mark.
 */
#ifndef CT_LIVE_TARGET_H
#define CT_LIVE_TARGET_H

#include "model/profile.h"
#include "util/error.h"

enum ct_target_state {
	CT_TARGET_RUNS,
	CT_TARGET_STOPPED, /* runs, but the recording has stopped: ct_target_reason */
	CT_TARGET_CLOSED, /* runs, but the recording has ended: it is ending, or executes another program */
	CT_TARGET_ENDED, /* what is there is final */
};

struct ct_target;

/* Find the process and read its store for the first time, which is the first mark. 0 or < 0. */
int ct_target_open(int pid, struct ct_target **target, struct ct_error_text *error);
void ct_target_close(struct ct_target *target);

/* Read again. CT_ERR_MEMORY: the profile is lost. Other codes < 0: it is what it was. */
int ct_target_refresh(struct ct_target *target, struct ct_error_text *error);

/* From now on growth counts from what is live now. 0 or < 0 without memory. */
int ct_target_set_baseline(struct ct_target *target);

struct ct_profile *ct_target_profile(const struct ct_target *target);
enum ct_target_state ct_target_state(const struct ct_target *target);
const char *ct_target_reason(const struct ct_target *target);
/* Microseconds since the mark, as far as was read. */
uint64_t ct_target_baseline_us(const struct ct_target *target);

#endif
