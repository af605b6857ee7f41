/* SPDX-License-Identifier: MIT */
/*
 * Wake-ups for a control group whose memory gets tight, without looking at it all the time: thresholds of its use in
 * version 1; in version 2, changes of memory.events, and memory.pressure. The kernel need not offer any of them, so the
 * caller also looks once a second.
 */
#ifndef CT_WATCH_GROUP_H
#define CT_WATCH_GROUP_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/cgroup.h"

#define CT_GROUP_LEVELS 3
extern const unsigned ct_group_levels[CT_GROUP_LEVELS]; /* percent of the limit, rising */

#define CT_GROUP_FDS 2

struct ct_group {
	struct ct_cgroup group;
	int fds[CT_GROUP_FDS]; /* -1: not offered */
	short events[CT_GROUP_FDS]; /* of poll */
};

/* Open the wake-ups of a control group with a limit. */
void ct_group_open(struct ct_group *group, const struct ct_cgroup *cgroup);
void ct_group_close(struct ct_group *group);

/* Add what poll waits for. Returns how many there are, at most CT_GROUP_FDS. */
unsigned ct_group_poll(const struct ct_group *group, struct pollfd *fds);

/* Forget the wake-ups that have come, so that poll waits for the next one. */
void ct_group_clear(const struct ct_group *group);

#define CT_KILLS_UNKNOWN UINT64_MAX

/*
 * How many processes of the group the kernel has killed for lack of memory so far. It counts before it kills. In
 * version 1 a group's count does not have the kills in the groups below it.
 */
uint64_t ct_group_kills(const struct ct_group *group);

/* The share of time in which all of the group's processes waited for memory, in hundredths of a percent; < 0: unknown.
 */
int ct_group_pressure(const struct ct_group *group);

#endif
