/* SPDX-License-Identifier: MIT */
/* Exports: a store or a report becomes a file of any format, in the place that was asked for or that its recording
 * named. */
#ifndef CT_EXPORT_EXPORT_H
#define CT_EXPORT_EXPORT_H

#include <stdbool.h>

#include "load/input.h"
#include "load/store/store_file.h"
#include "model/profile.h"
#include "model/select.h"
#include "util/error.h"
#include "write/format.h"

/* The same file, perhaps by two names? */
bool ct_export_same_file(const char *a, const char *b);

/*
 * Where a store's report goes by default: where the recording wanted it as long as the store is there too,
 * else beside the store. Free it. NULL without memory.
 */
char *ct_export_output(const char *store_path, const struct ct_store_file *store);

/* One export: what becomes what, where. */
struct ct_export {
	struct ct_input *input; /* a store, or a report of any producer; closed once it is read */
	const char *output; /* NULL: the default name, which depends on input and format; "-" is stdout */
	const struct ct_format *format;
	enum ct_metric metric; /* CT_METRIC_NONE: the format's own */
	const struct ct_selection *selection; /* NULL = the whole profile */
	bool live; /* the input is the store of a running program; an output FILE.store becomes a copy of it */
	bool events; /* of a store: what the program counted itself, not the heap */
	bool remove_store; /* after a good export, unless its recording asked to keep it */
	bool keep_name; /* the default name is taken as it is, whatever the format */
	bool quiet; /* no summary; a recording can ask for that too. There is none either when the output is named */
	bool loud; /* a summary even where the recording asked for none */
	bool brief; /* print only the report's name */
};

/*
 * The default name of another format's report: `report` is DHAT's (of a store, ct_export_output), and its
 * ".json" gives way to the format's suffix, unless that is its end already. Free it. NULL without memory.
 */
char *ct_export_name(const char *report, const struct ct_format *format, enum ct_metric metric);

/* The name of the report of a program's own events: app.json, app.events.json. Free it. NULL without memory. */
char *ct_export_events_name(const char *report);

/* Whether an output of this name is a copy of the store (live). */
bool ct_export_is_store(const char *output);

/* A store or a report as a profile, with all that is known of it; errors name the path. */
int ct_export_load(const char *path, struct ct_profile **profile, struct ct_error_text *error);

/* Write a profile as the job's format. Of the job's input only the path counts, for errors. */
int ct_export_write(const struct ct_export *job, const struct ct_profile *profile, const char *output,
		    struct ct_error_text *error);

/* At most 4 lines on stderr: losses, totals, peak, where the report is. */
void ct_export_summary(const struct ct_profile *profile, const struct ct_store_file *store, const char *output);

int ct_export_run(const struct ct_export *job, struct ct_error_text *error);

#endif
