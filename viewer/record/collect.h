/* SPDX-License-Identifier: MIT */
/*
 * After the program's end: what its processes left behind. A process that ends in order exports
 * itself and removes its store; one that was killed leaves the store beside its report, or in the
 * temporary folder. Those of this recording (by its session name) are exported here.
 */
#ifndef CT_RECORD_COLLECT_H
#define CT_RECORD_COLLECT_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "record/folder.h"
#include "write/format.h"

struct ct_collect {
	const char *pattern; /* CTRACE_OUT as the program had it */
	const char *session;
	const char *temporary; /* folder of reports whose own cannot be written */
	pid_t pid; /* the program's */
	time_t start; /* nothing older is a report of it */
	bool export; /* false: leave the stores, only look whether there are any */
	bool keep; /* keep stores after their export */
	bool quiet;
	struct ct_format_set formats; /* at least one */
	bool late; /* no process exports itself: say so of those that still run */
	struct ct_folder *folder; /* of the recording; NULL = none */
	bool keep_name; /* the report's name is the one that was asked for, whatever the format */
	/* results */
	int exported;
	int failed; /* exports that failed; their errors have been printed */
	bool found; /* is there a report or a store of the program itself? */
};

/* Export the stores left behind; fills the results. Prints errors of single stores. */
void ct_collect_run(struct ct_collect *collect);

#endif
