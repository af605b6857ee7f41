/* SPDX-License-Identifier: MIT */
/*
 * The output formats: one table, from which help, error messages, default names and `ctrace record -f` are derived. A
 * new format needs a row in it and a writer.
 */
#ifndef CT_WRITE_FORMAT_H
#define CT_WRITE_FORMAT_H

#include <stdio.h>

#include "model/metric.h"
#include "model/profile.h"
#include "util/error.h"

typedef int ct_format_write(const struct ct_profile *profile, enum ct_metric metric, FILE *out,
			    struct ct_error_text *error);

#define CT_BESIDE_MAX 2

struct ct_format {
	const char *name;
	const char *suffix; /* of the file's name */
	const char *help; /* what the format is, and which tools read it */
	const char *open; /* the command that opens FILE, or NULL */
	enum ct_metric metric; /* the default metric; CT_METRIC_NONE = there is no choice */
	unsigned needs; /* CT_NEEDS_*: what the profile must have */
	bool has_threads; /* the writer keeps threads apart in its own way; the others get a profile that has them
			     folded */
	bool for_databases; /* left out where formats are chosen for a reader */
	bool one_metric; /* one number per stack; the file's name contains the metric if the user chose one */
	ct_format_write *write; /* metric is one that the profile has; CT_METRIC_NONE only if .metric is */
	/* More files, whose suffix takes the place of the format's; write NULL = no more */
	struct {
		const char *suffix;
		ct_format_write *write;
	} beside[CT_BESIDE_MAX];
	/* May be NULL. Puts what the file lacks into line; false if it lacks nothing */
	bool (*note)(const struct ct_profile *profile, char *line, size_t room);
};

#define CT_NEEDS_TIMELINE 1u
#define CT_NEEDS_PEAK 2u /* and the end */
#define CT_NEEDS_TOTAL 4u

/* Find a format by name; NULL: unknown. */
const struct ct_format *ct_format_find(const char *name);

/* The table. The first row is DHAT, the format of recordings by default. The last row has no name. */
extern const struct ct_format ct_formats[];

#define CT_FORMATS_MAX 16

/* Several formats; count 0 = none was chosen. */
struct ct_format_set {
	const struct ct_format *formats[CT_FORMATS_MAX];
	size_t count;
};

/* Add a list such as "pprof,dhat" to a set, each format once. 0, or < 0 with a line that lists the known formats. */
int ct_format_parse(const char *list, struct ct_format_set *set, struct ct_error_text *error);

/* Can this profile, which was read from input, be written in this format? 0, or < 0: error says what is missing. */
int ct_format_check(const struct ct_format *format, enum ct_metric metric, const struct ct_profile *profile,
		    const char *input, struct ct_error_text *error);

#endif
