/* SPDX-License-Identifier: MIT */
/* The report of a black box: one text and one JSON object, written again whenever a look is added. */
#ifndef CT_WATCH_REPORT_H
#define CT_WATCH_REPORT_H

#include <limits.h>

#include "util/error.h"
#include "watch/group.h"
#include "watch/look.h"

#define CT_REPORT_END CT_GROUP_LEVELS /* the place of the look after the process's end */

struct ct_report {
	const char *cause; /* of the end; NULL: the process runs */
	char path[PATH_MAX];
	struct {
		char *text, *json; /* NULL: none */
	} looks[CT_GROUP_LEVELS + 1]; /* by level: the latest that was made there */
};

void ct_report_fini(struct ct_report *report);

/* Put a look in place of the earlier one at its level, if there was one. 0, or < 0 when out of memory. */
int ct_report_add(struct ct_report *report, const struct ct_look *look, unsigned level);

/* Does it have a look from before the process's end? */
bool ct_report_has_level(const struct ct_report *report);

/* Write both files into a folder, each whole or not at all. 0 or < 0. */
int ct_report_write(struct ct_report *report, const char *folder, int pid, const char *command, const char *group,
		    struct ct_error_text *error);

#endif
