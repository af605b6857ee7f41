/* SPDX-License-Identifier: MIT */
/*
 * The formats that reports are written in: one table, which help, error messages, default names and
 * `ctrace record -f` are made from. A new format is a row in it and a writer.
 */
#ifndef CT_WRITE_FORMAT_H
#define CT_WRITE_FORMAT_H

#include <stdio.h>

#include "model/metric.h"
#include "model/profile.h"
#include "util/error.h"

struct ct_format {
	const char *name;
	const char *suffix; /* of the file's name */
	const char *help; /* what it is, and who reads it */
	const char *open; /* the command that opens FILE; NULL = there is none */
	enum ct_metric metric; /* what it shows by default; CT_METRIC_NONE = there is nothing to choose */
	unsigned needs; /* CT_NEEDS_*: what the profile must have */
	bool one_metric; /* one number per stack: the metric stands in the file's name when it was chosen */
	/* metric: never CT_METRIC_NONE if .metric is not, and one that the profile has */
	int (*write)(const struct ct_profile *profile, enum ct_metric metric, FILE *out, struct ct_error_text *error);
	/* NULL, or what the file lacks, in one line; false when it lacks nothing */
	bool (*note)(const struct ct_profile *profile, char *line, size_t room);
};

#define CT_NEEDS_TIMELINE 1u
#define CT_NEEDS_PEAK 2u /* and the end */

/* NULL: unknown. */
const struct ct_format *ct_format_find(const char *name);

/* The table. DHAT, which recordings are exported as, is the first; it ends with a row without name. */
extern const struct ct_format ct_formats[];

#define CT_FORMATS_MAX 16

/* Several of them; count 0 = none were chosen. */
struct ct_format_set {
	const struct ct_format *formats[CT_FORMATS_MAX];
	size_t count;
};

/* Add "pprof,dhat" to a set; each is in it once. 0, or < 0 with a line that lists the known ones. */
int ct_format_parse(const char *list, struct ct_format_set *set, struct ct_error_text *error);

/* Can this profile, which came from input, be written so? 0, or < 0 with a line that names what is missing. */
int ct_format_check(const struct ct_format *format, enum ct_metric metric, const struct ct_profile *profile,
		    const char *input, struct ct_error_text *error);

#endif
