/* SPDX-License-Identifier: MIT */
/*
 * pprof's format for a server that collects profiles. It differs from the file for a person (ct_write_pprof): the time
 * is that of the numbers, allocations may be those since the last profile, and what servers refuse is cut off. A
 * function's name has at most CT_PPROF_NAME_MAX bytes, and a stack CT_PPROF_DEPTH_MAX frames, of which the middle is
 * left out. Neither the command line, which may contain secrets, nor average sizes are in it.
 */
#ifndef CT_WRITE_PPROF_H
#define CT_WRITE_PPROF_H

#include <stdbool.h>
#include <stdio.h>

#include "model/metric.h"
#include "model/profile.h"
#include "util/error.h"

#define CT_PPROF_NAME_MAX 1024u /* bytes */
#define CT_PPROF_DEPTH_MAX 1000u /* Pyroscope cuts deeper stacks at the leaf */

#define CT_PPROF_BEGINS_TEXT                                                                                           \
	"INCOMPLETE: what was allocated before is not in this first difference, since the process is older than the server"

/* Parts of a profile: groups of sample types. */
#define CT_PPROF_ALLOCATED 1u /* alloc_objects, alloc_space */
#define CT_PPROF_LIVE 2u /* inuse_objects, inuse_space */
#define CT_PPROF_PEAK 4u /* peak_space */
#define CT_PPROF_ALL (CT_PPROF_ALLOCATED | CT_PPROF_LIVE | CT_PPROF_PEAK)

/*
 * A process in a profile of several. Its frame is the root of its stacks; in a message, the labels pid, exe and
 * service_name of the sample are in its place.
 */
struct ct_pprof_process {
	uint32_t frame;
	int pid;
	const char *exe, *service;
};

struct ct_pprof_message {
	const struct ct_site_row *sites; /* in place of the profile's; one without frames is "[other stacks]" */
	size_t site_count;
	size_t shortened; /* stacks whose numbers are at a caller, for a comment */
	unsigned parts; /* CT_PPROF_* */
	enum ct_metric first; /* of the parts: what a viewer shows first */
	bool recent; /* allocated: since the last reading of a running program */
	bool begins; /* what was allocated before is not in it, for a comment */
	bool live_change; /* live: differences, which wrap around below 0 */
	const struct ct_pprof_process *processes;
	size_t process_count;
	size_t missing; /* processes that could not be read, for a comment */
	uint64_t time_ns; /* of the numbers, since 1970 */
	uint64_t duration_ns; /* of the interval in which they were allocated; 0: since the start */
	bool plain; /* not compressed */
};

/* *bytes gets the size before compression. 0 or < 0. */
int ct_write_pprof_message(const struct ct_profile *profile, const struct ct_pprof_message *message, FILE *out,
			   size_t *bytes, struct ct_error_text *error);

#endif
