/* SPDX-License-Identifier: MIT */
/* Makes the reports of a recording's processes, and prints what was recorded. */
#ifndef CT_RECORD_REPORTS_H
#define CT_RECORD_REPORTS_H

struct ct_collect;

/*
 * Export the stores in collect->tree. On a terminal, a line shows how far that is. On Ctrl-C the process ends as the
 * program did: the stores that are left stay, and a line says how to go on.
 */
void ct_reports_make(struct ct_collect *collect);

#endif
