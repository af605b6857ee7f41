/* SPDX-License-Identifier: MIT */
/* What the kernel says about a process's memory and about that of its cgroup (versions 1 and 2). */
#ifndef CT_SERVE_MEMORY_H
#define CT_SERVE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "live/process.h"

enum ct_memory_kind { CT_MEMORY_ANON, CT_MEMORY_FILE, CT_MEMORY_SHMEM, CT_MEMORY_SWAP, CT_MEMORY_KINDS };
extern const char *const ct_memory_kinds[CT_MEMORY_KINDS];

enum ct_cgroup_event { CT_CGROUP_HIGH, CT_CGROUP_MAX, CT_CGROUP_OOM, CT_CGROUP_OOM_KILL, CT_CGROUP_EVENTS };
extern const char *const ct_cgroup_events[CT_CGROUP_EVENTS];

#define CT_NOT_KNOWN UINT64_MAX

/* Each is CT_NOT_KNOWN if the kernel does not say. */
struct ct_memory {
	uint64_t bytes[CT_MEMORY_KINDS]; /* resident, or in swap */
	uint64_t cgroup_bytes;
	uint64_t cgroup_limit; /* not known: there is no limit */
	uint64_t cgroup_events[CT_CGROUP_EVENTS];
};

/* Read it for a process that runs; for any other, nothing is known. */
void ct_memory_read(const struct ct_process *process, struct ct_memory *memory);

/*
 * How many processes of its cgroup the kernel has killed for lack of memory. *path is the file that says so, NULL until
 * it was found, to be freed; it can still be read when the process is gone. CT_NOT_KNOWN: the kernel does not say.
 */
uint64_t ct_memory_oom_kills(const struct ct_process *process, char **path);

#endif
