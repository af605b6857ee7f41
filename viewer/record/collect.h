/* SPDX-License-Identifier: MIT */
/*
 * After the program's end, exports the stores that its processes left behind. A process that ends normally exports
 * itself and removes its store. One that was killed leaves its store next to its report or in the temporary folder.
 * The session name shows which stores belong to this recording.
 */
#ifndef CT_RECORD_COLLECT_H
#define CT_RECORD_COLLECT_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "record/folder.h"
#include "record/notes.h"
#include "record/run.h"
#include "record/tree.h"
#include "write/format.h"

struct ct_collect {
	const char *pattern; /* the program's CTRACE_OUT */
	const char *session;
	const char *temporary; /* the folder for reports that cannot be written where they should go */
	const struct ct_run *run; /* of the program, which has ended */
	time_t start; /* older files are not reports of this recording */
	bool export; /* false: only check whether there are stores, and leave them */
	bool keep; /* keep stores after their export */
	bool quiet;
	struct ct_format_set formats; /* at least one */
	bool late; /* no process exports itself, so report those that still run */
	struct ct_folder *folder; /* of the recording; NULL = none */
	struct ct_notes *notes;
	bool keep_name; /* use the given name for the report, whatever the format */
	const char *fixed; /* the given name of the largest image's report; NULL: each has a name of its own */
	const struct ct_globs *only, *skip; /* programs that get a report, or do not */
	/* results */
	int exported;
	int failed; /* exports that failed; their errors have been printed */
	bool found; /* is there a report or a store of the program itself? */
	char *report; /* the largest image's, if that can be shown; to be freed */
	struct ct_tree tree; /* the stores that are ours to export */
	const char *left_formats; /* while a store is looked at that a process has left to us */
	struct ct_image *images; /* of all stores; see images.h */
	size_t image_count;
};

/*
 * Export the stores left behind, print what was recorded, and fill in the results. Prints the errors of single stores.
 * The caller frees tree.
 */
void ct_collect_run(struct ct_collect *collect);

#endif
