/* SPDX-License-Identifier: MIT */
/*
 * Exports a store or a report to a file of any format. By default, the file goes where the recording wanted it; the
 * user may name another.
 */
#ifndef CT_EXPORT_EXPORT_H
#define CT_EXPORT_EXPORT_H

#include <stdbool.h>

#include "load/input.h"
#include "load/store/store_file.h"
#include "model/profile.h"
#include "model/select.h"
#include "util/error.h"
#include "write/format.h"
#include "write/html.h"

/* Are these the same file, perhaps under two names? */
bool ct_export_same_file(const char *a, const char *b);

/*
 * The default path of a store's report, to be freed: the one that the recording chose if the store is still there too,
 * else next to the store. NULL when out of memory.
 */
char *ct_export_output(const char *store_path, const struct ct_store_file *store);

/* One export: its input, output and options. */
struct ct_export {
	struct ct_input *input; /* a store, or a report of any producer; closed once it is read */
	const char *output; /* NULL: the default name, which depends on the input and the format; "-": stdout */
	const char *report; /* without output: what the default name follows; NULL: what the input says */
	const struct ct_format *format;
	enum ct_metric metric; /* CT_METRIC_NONE: the format's own */
	const struct ct_selection *selection; /* NULL = the whole profile */
	char **written; /* if not NULL, gets the name of the file that was written; to be freed */
	const struct ct_html *html; /* for a page; NULL: as split_threads says, and nothing else */
	const char *host, *service, *service_version; /* of the process; NULL: as the input says */
	uint32_t segment; /* for a store: export this segment; 0: the latest one, or that named by `since` */
	const char *since; /* for a store: export the segment of this name; NULL: none */
	bool split_threads; /* keep equal stacks of several threads apart */
	bool live; /* the input is the store of a running program; an output FILE.store becomes a copy of it */
	bool memory; /* take the ledger of the process, which must be alive (memory/take.h) */
	bool at_exit; /* the process waits for the export: take its ledger, if the recording wants that */
	enum ct_profile_mode mode; /* for a store: export the heap, the program's ad-hoc events, or its copies */
	bool remove_store; /* after a successful export, unless the recording asked to keep it, or has more segments */
	bool keep_name; /* use the default name as it is, whatever the format */
	bool quiet; /* no summary. A recording can ask for this too, and a given output implies it */
	bool loud; /* print a summary even if the recording asked for none */
	bool unnamed; /* the user has named neither format nor output */
	bool brief; /* print only the report's name */
	bool one_line; /* print a summary of one line */
};

/* The length of a report's name without ".json" or ".json.gz". */
size_t ct_export_stem(const char *report);

/*
 * The default name of a report in another format, to be freed; NULL when out of memory. `report` is the name of the
 * DHAT report (for a store: ct_export_output). Its ".json" is replaced by the format's suffix, unless it already ends
 * in that.
 */
char *ct_export_name(const char *report, const struct ct_format *format, enum ct_metric metric);

/*
 * The name of the report of ad-hoc events or copies, to be freed: app.events.json or app.copies.json for app.json. NULL
 * when out of memory.
 */
char *ct_export_events_name(const char *report, enum ct_profile_mode mode);

/* Whether an output of this name is a copy of the store (live). */
bool ct_export_is_store(const char *output);

/* Load a store or a report, with everything known about its process; errors name the path. 0 or < 0. */
int ct_export_load(const char *path, struct ct_profile **profile, struct ct_error_text *error);

/* Write a profile in the job's format; the job's input is only named in errors. 0 or < 0. */
int ct_export_write(const struct ct_export *job, const struct ct_profile *profile, const char *output,
		    struct ct_error_text *error);

/*
 * Print at most 6 lines to stderr: losses, totals, peak, lost blocks, the segment if there are several, and the
 * report's path; one_line: losses, and the rest.
 */
void ct_export_summary(const struct ct_profile *profile, const struct ct_store_file *store, const char *output,
		       bool one_line);

/* Print one line with the report's path, and whether it has replaced a file. */
void ct_export_say(const char *output, bool replaced);

/*
 * Look at the memory of the process that has this store and waits at its end, and keep what there is to see in the
 * store, or why that failed. 0 or < 0.
 */
int ct_export_last_look(const char *path, struct ct_error_text *error);

/* Run the export. 0 or < 0. */
int ct_export_run(const struct ct_export *job, struct ct_error_text *error);

/* The same for the file at this path; the job's input is set. */
int ct_export_file(const struct ct_export *job, const char *path, struct ct_error_text *error);

/*
 * The same in each of the formats. After the first, only the names of the reports are printed; remove_store applies
 * after the last.
 */
int ct_export_formats(const struct ct_export *job, const char *path, const struct ct_format_set *formats,
		      struct ct_error_text *error);

#endif
