/* SPDX-License-Identifier: MIT */
/* A ledger as JSON, for scripts. */
#ifndef CT_WRITE_LEDGER_H
#define CT_WRITE_LEDGER_H

#include <stdio.h>

#include "model/ledger.h"

/* Write an object without a line end: {"rssBytes":...,"rows":{"live":...},...}. */
void ct_put_ledger(FILE *out, const struct ct_ledger *ledger);

#endif
