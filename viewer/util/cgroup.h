/* SPDX-License-Identifier: MIT */
/* The memory of a process's control group, of version 1 or 2. */
#ifndef CT_UTIL_CGROUP_H
#define CT_UTIL_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct ct_cgroup {
	int version; /* of the memory controller; 0: not known, and all else is 0 */
	char name[PATH_MAX]; /* of the process's group, as the kernel gives it */
	uint64_t limit; /* bytes, of the group or the group above it that has the smallest one; 0: none has one */
	char own[2 * PATH_MAX]; /* folder of the process's group, or of the group above it that can be seen */
	char limiting[2 * PATH_MAX]; /* of the one with the limit */
	uint64_t used; /* bytes there, without those of files that the kernel would drop first */
};

/* `text` is the content of /proc/PID/cgroup, `mounts` the folder where groups are: /sys/fs/cgroup. */
void ct_cgroup_read(const char *text, const char *mounts, struct ct_cgroup *group);

/* The same by pid. */
void ct_cgroup_of(int pid, struct ct_cgroup *group);

#endif
