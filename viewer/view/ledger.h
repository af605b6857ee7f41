/* SPDX-License-Identifier: MIT */
/* Shows a ledger (model/ledger.h). */
#ifndef CT_VIEW_LEDGER_H
#define CT_VIEW_LEDGER_H

#include "model/ledger.h"
#include "view/line.h"

/* Write the ledger as a table, with remarks below it. exact: in bytes. */
void ct_line_put_ledger(struct ct_line *line, const struct ct_ledger *ledger, bool exact);

/* Write it as one line above a table of sites: RSS and its largest parts. */
void ct_line_put_ledger_brief(struct ct_line *line, const struct ct_ledger *ledger);

#endif
