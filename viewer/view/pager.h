/* SPDX-License-Identifier: MIT */
/*
 * Shows text on a terminal through a pager, as git does: $PAGER, or else less with -FRX, which ends at once if all fits
 * on the screen. Nothing happens if stdout is not a terminal.
 */
#ifndef CT_VIEW_PAGER_H
#define CT_VIEW_PAGER_H

#include <stdio.h>

#include "view/terminal.h"

/* --no-pager */
void ct_pager_forbid(void);

/*
 * From here on, what is written to stdout goes to the pager; at exit, its end is waited for. Call it after the terminal
 * has been probed and right before the output, only if out is stdout.
 */
void ct_pager_begin(struct ct_terminal *terminal, FILE *out);

#endif
